/*
 * conf_load.c - put defaults, file, environment and command line together, and
 * judge the whole.
 *
 * A variable of the environment that is empty counts as unset, because unit
 * files and compose files cannot unset one. A WAYPOST_ name that belongs to no
 * key is somebody else's and left alone.
 */
#include "lib/sys/conf_section.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FLAGS_MAX = 16,
	/* A frame is larger than the envelope in it, by so much at most. */
	FRAME_OVERHEAD_BYTES = 4096,
	NAMES_MAX = 150, /* bytes of a sentence about a reload */
};

const char wp_version[] = WP_VERSION;

/* ---- the keys, while loading ---- */

static bool uses(const struct wp_conf_program *program,
		 const struct wp_conf_section *section)
{
	const struct wp_conf_section *const *used = program->sections;

	if (section->name[0] == '\0')
		return true;
	while (used != NULL && *used != NULL && *used != section)
		used++;
	return used != NULL && *used != NULL;
}

/* Does the program use anything of this section of the file? */
static bool judges(const struct wp_conf_program *program, const char *name)
{
	const struct wp_conf_section *const *known = program->known;

	while (*known != NULL &&
	       (strcmp((*known)->name, name) != 0 || !uses(program, *known)))
		known++;
	return program->judges_all || *known != NULL;
}

static enum wp_err add_section(struct wp_conf_load *load,
			       const struct wp_conf_program *program,
			       const struct wp_conf_section *section,
			       struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < section->n; i++) {
		const struct wp_conf_key *key = &section->keys[i];

		load->entries[load->n++] = (struct wp_conf_entry){
			.key = key,
			.section = section,
			.is_used = uses(program, section),
			.is_judged = judges(program, section->name),
		};
		rc = wp_conf_set(load->conf, key,
				 key->preset != NULL ? key->preset : "", err);
	}
	return rc;
}

enum wp_err wp_conf_load_begin(struct wp_conf_load *load, struct wp_conf *conf,
			       const struct wp_conf_program *program,
			       struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	size_t n = 0;

	while (wp_conf_key_at(program->known, n) != NULL)
		n++;
	conf->known = program->known;
	*load = (struct wp_conf_load){ .conf = conf };
	load->entries = calloc(n + 1, sizeof(*load->entries)); /* never none */
	if (load->entries == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	for (size_t i = 0; rc == WP_OK && program->known[i] != NULL; i++)
		rc = add_section(load, program, program->known[i], err);
	return rc;
}

void wp_conf_load_end(struct wp_conf_load *load)
{
	for (size_t i = 0; i < load->n; i++)
		free(load->entries[i].secret_path);
	free(load->entries);
	*load = (struct wp_conf_load){ 0 };
}

/* ---- the environment ---- */

/* The value of a variable, or NULL when it is unset or empty. */
static const char *read_variable(const char *name)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

static enum wp_err read_key(struct wp_conf *conf, struct wp_conf_entry *entry,
			    struct wp_error *err)
{
	const struct wp_conf_key *key = entry->key;
	char own_name[WP_CONF_NAME_MAX];
	const char *name = own_name;
	const char *text;
	struct wp_error why;
	enum wp_err rc;

	wp_conf_env_name(key, "", own_name);
	text = read_variable(name);
	if (text == NULL && key->alias != NULL) {
		name = key->alias;
		text = read_variable(name);
	}
	if (text == NULL)
		return WP_OK;
	rc = wp_conf_set(conf, key, text, &why);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s: %s", name, why.msg);
	entry->is_set = true;
	entry->in_env = true;
	return WP_OK;
}

static enum wp_err read_path(struct wp_conf_entry *entry, struct wp_error *err)
{
	char name[WP_CONF_NAME_MAX];
	struct wp_error why;
	const char *text;
	enum wp_err rc;

	wp_conf_env_name(entry->key, "_FILE", name);
	text = read_variable(name);
	if (text == NULL)
		return WP_OK;
	rc = wp_conf_set_path(entry, text, &why);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s: %s", name, why.msg);
	return WP_OK;
}

static void read_env(struct wp_conf_load *load, enum wp_err *rc,
		     struct wp_error *err)
{
	struct wp_faults *faults = load->conf->faults;
	struct wp_error why = { 0 };

	for (size_t i = 0; i < load->n; i++) {
		struct wp_conf_entry *entry = &load->entries[i];
		enum wp_err one = read_key(load->conf, entry, &why);

		if (entry->is_judged)
			wp_faults_note(faults, one, &why, rc, err);
		if (entry->key->type != WP_CONF_SECRET)
			continue;
		one = read_path(entry, &why);
		if (entry->is_judged)
			wp_faults_note(faults, one, &why, rc, err);
	}
}

/* ---- the command line ---- */

/*
 * An option's value follows it, or stands behind a "=". A program's own flags
 * are other names for keys of the configuration and nothing more.
 */
struct args {
	enum wp_conf_action action;
	bool wants_config;             /* --print-config */
	bool wants_help;               /* --help: nothing behind it is read */
	bool wants_version;            /* --version: likewise */
	const char *config_path;       /* borrowed from argv, or NULL */
	const char *values[FLAGS_MAX]; /* of program->flags[i]; NULL */
};

/* One option taken apart; value is NULL while there is none. */
struct option {
	const char *name; /* not terminated: a "=" may follow */
	size_t len;
	const char *value;
};

static bool is_named(const struct option *option, const char *name)
{
	return strlen(name) == option->len &&
	       memcmp(name, option->name, option->len) == 0;
}

static enum wp_err refuse(struct wp_error *err, const struct option *option,
			  const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%.*s: %s",
			    (int)(option->len < 40 ? option->len : 40),
			    option->name, sentence);
}

/* Take the option at argv[*i], and the argument behind it if it needs one. */
static enum wp_err take_value(struct option *option, int *i, int argc,
			      char **argv, struct wp_error *err)
{
	if (option->value != NULL)
		return WP_OK;
	if (*i + 1 >= argc)
		return refuse(err, option, "needs a value");
	option->value = argv[++*i];
	return WP_OK;
}

/* Index of the program's flag of this name, or -1. */
static int find_flag(const struct wp_conf_program *program,
		     const struct option *option)
{
	int i;

	if (program->flags == NULL)
		return -1;
	for (i = 0; program->flags[i].flag != NULL; i++) {
		assert(i < FLAGS_MAX);
		if (is_named(option, program->flags[i].flag))
			return i;
	}
	return -1;
}

/* --check and its like take no value; false when option is none of them. */
static bool take_switch(struct args *args, const struct option *option,
			bool is_service)
{
	if (option->value != NULL)
		return false;
	if (is_named(option, "--check"))
		args->action = WP_CONF_CHECK;
	else if (is_service && is_named(option, "--ping"))
		args->action = WP_CONF_PING;
	else if (is_named(option, "--print-config"))
		args->wants_config = true;
	else if (is_named(option, "--help"))
		args->wants_help = true;
	else if (is_named(option, "--version"))
		args->wants_version = true;
	else
		return false;
	return true;
}

static enum wp_err read_args(struct args *args,
			     const struct wp_conf_source *source,
			     struct wp_error *err)
{
	int argc = source->argc;
	char **argv = source->argv;
	int i;

	*args = (struct args){ .action = WP_CONF_RUN };
	for (i = 1; i < argc && !args->wants_help && !args->wants_version;
	     i++) {
		struct option option = { .name = argv[i] };
		enum wp_err rc;
		int flag;

		option.len = strcspn(argv[i], "=");
		if (argv[i][option.len] == '=')
			option.value = argv[i] + option.len + 1;
		if (strncmp(argv[i], "--", 2) != 0)
			return wp_error_set(err, WP_ERR_INVAL,
					    "arguments must be options; try "
					    "--help");
		if (take_switch(args, &option, source->program->is_service))
			continue;
		flag = find_flag(source->program, &option);
		if (flag == -1 && !is_named(&option, "--config"))
			return refuse(err, &option,
				      "there is no such option; try --help");
		rc = take_value(&option, &i, argc, argv, err);
		if (rc != WP_OK)
			return rc;
		if (flag == -1)
			args->config_path = option.value;
		else
			args->values[flag] = option.value;
	}
	return WP_OK;
}

static enum wp_err read_flags(struct wp_conf_load *load,
			      const struct wp_conf_program *program,
			      const struct args *args, struct wp_error *err)
{
	size_t i;

	for (i = 0; program->flags != NULL && program->flags[i].flag != NULL;
	     i++) {
		const struct wp_conf_flag *flag = &program->flags[i];
		struct wp_conf_entry *entry;
		struct wp_error why;
		bool is_path;
		enum wp_err rc;

		if (args->values[i] == NULL)
			continue;
		entry = wp_conf_find(load, flag->key, &is_path);
		/* Secrets would show in the list of processes. */
		assert(entry != NULL && entry->key->type != WP_CONF_SECRET);
		rc = wp_conf_set(load->conf, entry->key, args->values[i], &why);
		if (rc != WP_OK)
			return wp_error_set(err, rc, "%s: %s", flag->flag,
					    why.msg);
		entry->is_set = true;
	}
	return WP_OK;
}

/* ---- the whole ---- */

/*
 * A root that serves strangers is a risk, and leaves files behind that the
 * right user cannot open.
 */
static enum wp_err check_user(const struct wp_conf *conf,
			      const struct wp_conf_program *program,
			      struct wp_error *err)
{
	const char *allow = getenv("WAYPOST_ALLOW_ROOT");

	if (!program->is_service || conf->run_mode != WP_RUN_PRODUCTION ||
	    geteuid() != 0 || (allow != NULL && strcmp(allow, "1") == 0))
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "root does not run %s in production; start it as "
			    "user waypost, or set WAYPOST_ALLOW_ROOT=1",
			    program->name);
}

static enum wp_err derive(struct wp_conf *conf, struct wp_conf_entry *entry,
			  struct wp_error *err)
{
	if (conf->run_mode != WP_RUN_PRODUCTION || entry->is_set ||
	    entry->key->in_production == NULL)
		return WP_OK;
	return wp_conf_set(conf, entry->key, entry->key->in_production, err);
}

/* Without the port that browsers leave out, for it is the scheme's own. */
static size_t without_own_port(const char *url, size_t len)
{
	const char *port = strncmp(url, "https:", 6) == 0 ? ":443" : ":80";
	size_t port_len = strlen(port);

	if (len > port_len && memcmp(url + len - port_len, port, port_len) == 0)
		return len - port_len;
	return len;
}

/* Pages of our own address may ask, whatever a proxy calls us. */
static enum wp_err list_public_url(struct wp_conf *conf, struct wp_error *err)
{
	struct wp_conf_list *origins = &conf->cors.allowed_origins;
	const char *url = conf->public_url;
	size_t len = without_own_port(url, wp_conf_origin_len(url));

	for (size_t i = 0; i < origins->n; i++)
		if (strlen(origins->items[i]) == len &&
		    memcmp(origins->items[i], url, len) == 0)
			return WP_OK;
	return len > 0 ? wp_conf_list_add(origins, url, len, err) : WP_OK;
}

/* Who is asked by settings that are wrong would be somebody else. */
static bool leads_to_others(const char *section)
{
	return strcmp(section, "redis") == 0 || strcmp(section, "store") == 0;
}

void wp_conf_judge(struct wp_conf_load *load, enum wp_err *rc,
		   struct wp_error *err)
{
	struct wp_conf *conf = load->conf;
	const struct wp_conf_section *section = NULL;
	struct wp_error why = { 0 };
	enum wp_err one;

	for (size_t i = 0; i < load->n; i++) {
		one = derive(conf, &load->entries[i], &why);
		wp_faults_note(conf->faults, one, &why, rc, err);
	}
	for (size_t i = 0; i < load->n; i++) {
		const struct wp_conf_entry *entry = &load->entries[i];
		const wp_conf_rule_fn *rule = entry->section->rules;

		if (entry->section == section || !entry->is_judged)
			continue;
		section = entry->section;
		for (; rule != NULL && *rule != NULL; rule++) {
			one = (*rule)(conf, entry->is_used, &why);
			wp_faults_note(conf->faults, one, &why, rc, err);
			conf->is_read &=
				one == WP_OK || !leads_to_others(section->name);
		}
	}
	one = list_public_url(conf, &why);
	wp_faults_note(conf->faults, one, &why, rc, err);
}

/* The file to read, or NULL for none. */
static const char *choose_file(const struct args *args)
{
	const char *path = getenv("WAYPOST_CONFIG");

	if (args->config_path != NULL)
		return args->config_path;
	if (path != NULL && path[0] != '\0')
		return path;
	if (access(WP_CONF_DEFAULT_PATH, F_OK) == -1 &&
	    (errno == ENOENT || errno == ENOTDIR))
		return NULL;
	return WP_CONF_DEFAULT_PATH;
}

static bool uses_store_secret(const struct wp_conf_load *load)
{
	bool is_path;

	return wp_conf_find(load, "auth.store_secret", &is_path)->is_used;
}

/*
 * Each source and each rule, whatever the one before said: what it left unset
 * has its default.
 */
static enum wp_err read_sources(struct wp_conf_load *load,
				const struct wp_conf_source *source,
				const struct args *args, struct wp_error *err)
{
	const char *path = choose_file(args);
	struct wp_faults *faults = load->conf->faults;
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK, one;

	load->path = path;
	load->conf->has_file = path != NULL;
	if (path != NULL)
		wp_conf_read_file(load, path, &rc, err);
	read_env(load, &rc, err);
	one = read_flags(load, source->program, args, &why);
	wp_faults_note(faults, one, &why, &rc, err);
	load->conf->is_read = rc == WP_OK && !args->wants_config;
	wp_conf_read_secrets(load, &rc, err);
	wp_conf_read_theirs(load, &rc, err);
	one = check_user(load->conf, source->program, &why);
	wp_faults_note(faults, one, &why, &rc, err);
	wp_conf_judge(load, &rc, err);
	if (rc == WP_OK && !args->wants_config && uses_store_secret(load))
		rc = wp_conf_read_kept_secret(load->conf, err);
	return rc;
}

static enum wp_err put_out(struct wp_buf *text, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (text->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (fwrite(text->data, 1, text->len, stdout) != text->len ||
		 fflush(stdout) == EOF)
		rc = wp_error_sys(err, "standard output");
	wp_buf_release(text);
	return rc;
}

static enum wp_err tell(const struct wp_conf_program *program,
			const struct args *args, struct wp_error *err)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	if (args->wants_help)
		wp_conf_write_help(&text, program);
	else
		wp_buf_printf(&text, "%s %s\n", program->name, wp_version);
	return put_out(&text, err);
}

static enum wp_err print_config(const struct wp_conf_load *load,
				struct wp_error *err)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_conf_write_config(&text, load);
	return put_out(&text, err);
}

enum wp_err wp_conf_load(struct wp_conf *conf,
			 const struct wp_conf_source *source,
			 enum wp_conf_action *action_out, struct wp_error *err)
{
	struct wp_conf_load load = { .conf = conf };
	struct args args;
	enum wp_err rc;

	memset(conf, 0, sizeof(*conf));
	conf->faults = source->faults;
	if (conf->faults != NULL)
		conf->faults->n = 0;
	rc = read_args(&args, source, err);
	if (rc != WP_OK)
		return rc;
	*action_out = args.action;
	if (args.wants_help || args.wants_version) {
		*action_out = WP_CONF_EXIT_OK;
		return tell(source->program, &args, err);
	}

	rc = wp_conf_load_begin(&load, conf, source->program, err);
	if (rc == WP_OK)
		rc = read_sources(&load, source, &args, err);
	if (rc == WP_OK && args.wants_config) {
		*action_out = WP_CONF_EXIT_OK;
		rc = print_config(&load, err);
	}
	if (rc == WP_OK && source->look != NULL && !args.wants_config)
		rc = source->look(source->look_ctx, &load, err);
	wp_conf_load_end(&load);
	return rc;
}

enum wp_err wp_conf_check_reload(const struct wp_conf *now,
				 const struct wp_conf *next,
				 struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	struct wp_buf names;
	size_t left_out = 0;
	const struct wp_conf_key *key;

	wp_buf_init(&names, 0);
	for (size_t i = 0; (key = wp_conf_key_at(now->known, i)) != NULL; i++) {
		if (key->is_reloadable || wp_conf_is_same(key, now, next))
			continue;
		if (names.len + strlen(key->name) > NAMES_MAX)
			left_out++;
		else
			wp_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "",
				      key->name);
	}
	if (left_out > 0)
		wp_buf_printf(&names, " and %zu more", left_out);
	if (names.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (names.len > 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%s: cannot be changed by a reload; "
				  "restart all programs, or change it back",
				  names.data);
	wp_buf_release(&names);
	return rc;
}

void wp_conf_release(struct wp_conf *conf)
{
	const struct wp_conf_key *key;

	if (conf == NULL)
		return;
	for (size_t i = 0; (key = wp_conf_key_at(conf->known, i)) != NULL; i++)
		wp_conf_value_release(conf, key);
	memset(conf, 0, sizeof(*conf));
}

size_t wp_conf_max_ws_message(const struct wp_conf *conf)
{
	if (conf->websocket.max_message_bytes > 0)
		return (size_t)conf->websocket.max_message_bytes;
	return (size_t)conf->mailbox.max_envelope_bytes + FRAME_OVERHEAD_BYTES;
}
