/*
 * conf_cli.c - the command line that all programs share.
 *
 * An option's value follows it, or stands behind a "=". A program's own flags
 * are other names for keys of the configuration and nothing more.
 */
#include "lib/sys/conf_table.h"

#include <assert.h>
#include <string.h>

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
		assert(i < WP_CONF_FLAGS_MAX);
		if (is_named(option, program->flags[i].flag))
			return i;
	}
	return -1;
}

/* --check and its like take no value; false when option is none of them. */
static bool take_switch(struct wp_conf_args *args, const struct option *option)
{
	if (option->value != NULL)
		return false;
	if (is_named(option, "--check"))
		args->action = WP_CONF_CHECK;
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

enum wp_err wp_conf_read_args(struct wp_conf_args *args,
			      const struct wp_conf_program *program, int argc,
			      char **argv, struct wp_error *err)
{
	int i;

	*args = (struct wp_conf_args){ .action = WP_CONF_RUN };
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
		if (take_switch(args, &option))
			continue;
		flag = find_flag(program, &option);
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

enum wp_err wp_conf_read_flags(struct wp_conf_load *load,
			       const struct wp_conf_program *program,
			       const struct wp_conf_args *args,
			       struct wp_error *err)
{
	size_t i;

	for (i = 0; program->flags != NULL && program->flags[i].flag != NULL;
	     i++) {
		const struct wp_conf_flag *flag = &program->flags[i];
		const struct wp_conf_key *key;
		struct wp_error why;
		bool is_path;
		enum wp_err rc;

		if (args->values[i] == NULL)
			continue;
		key = wp_conf_find(flag->key, strlen(flag->key), &is_path);
		/* Secrets would show in the list of processes. */
		assert(key != NULL && key->type != WP_CONF_SECRET);
		rc = wp_conf_set(load->conf, key, args->values[i], &why);
		if (rc != WP_OK)
			return wp_error_set(err, rc, "%s: %s", flag->flag,
					    why.msg);
		load->is_set[wp_conf_index(key)] = true;
	}
	return WP_OK;
}
