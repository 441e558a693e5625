/*
 * conf.c - put defaults, file, environment and command line together.
 *
 * Knows the order of the sources and nothing else; each source has a file of
 * its own.
 */
#include "lib/sys/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/sys/conf_table.h"

/* A frame is larger than the envelope in it, by so much at most. */
enum { FRAME_OVERHEAD_BYTES = 4096 };

const char wp_version[] = WP_VERSION;

static enum wp_err set_presets(struct wp_conf *conf, struct wp_error *err)
{
	size_t i;

	for (i = 0; i < wp_conf_keys_n; i++) {
		const struct wp_conf_key *key = &wp_conf_keys[i];
		const char *text = key->preset != NULL ? key->preset : "";
		enum wp_err rc = wp_conf_set(conf, key, text, err);

		if (rc != WP_OK)
			return rc;
	}
	return WP_OK;
}

/* The file to read, or NULL for none. */
static const char *choose_file(const struct wp_conf_args *args)
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

/*
 * Each source and each rule, whatever the one before said: what it left unset
 * has its default.
 */
static enum wp_err read_sources(struct wp_conf_load *load,
				const struct wp_conf_source *source,
				const struct wp_conf_args *args,
				struct wp_error *err)
{
	const struct wp_conf_program *program = source->program;
	const char *path = choose_file(args);
	struct wp_faults *faults = load->conf->faults;
	struct wp_error why = { 0 };
	enum wp_err rc, one;

	load->conf->has_file = path != NULL;
	rc = set_presets(load->conf, err);
	if (rc != WP_OK)
		return rc;
	if (path != NULL)
		wp_conf_read_file(load, path, &rc, err);
	wp_conf_read_env(load, &rc, err);
	one = wp_conf_read_flags(load, program, args, &why);
	wp_faults_note(faults, one, &why, &rc, err);
	wp_conf_read_secrets(load, program, &rc, err);
	one = wp_conf_derive(load, &why);
	wp_faults_note(faults, one, &why, &rc, err);
	wp_conf_check(load->conf, program, &rc, err);
	/* The last, so that a refused start makes nothing. */
	if (rc == WP_OK && args->action == WP_CONF_RUN && !args->wants_config &&
	    wp_conf_uses_name(program, "auth.store_secret"))
		rc = wp_conf_keep_store_secret(load->conf, !source->is_reload,
					       err);
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
			const struct wp_conf_args *args, struct wp_error *err)
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
	const struct wp_conf_program *program = source->program;
	struct wp_conf_load load = { .conf = conf };
	struct wp_conf_args args;
	enum wp_err rc;
	size_t i;

	memset(conf, 0, sizeof(*conf));
	conf->faults = source->faults;
	if (conf->faults != NULL)
		conf->faults->n = 0;
	rc = wp_conf_read_args(&args, program, source->argc, source->argv, err);
	if (rc != WP_OK)
		return rc;
	*action_out = args.action;
	if (args.wants_help || args.wants_version) {
		*action_out = WP_CONF_EXIT_OK;
		return tell(program, &args, err);
	}

	rc = read_sources(&load, source, &args, err);
	if (rc == WP_OK && args.wants_config) {
		*action_out = WP_CONF_EXIT_OK;
		rc = print_config(&load, err);
	}
	for (i = 0; i < WP_CONF_KEYS_MAX; i++)
		free(load.secret_path[i]);
	return rc;
}

void wp_conf_release(struct wp_conf *conf)
{
	size_t i;

	if (conf == NULL)
		return;
	for (i = 0; i < wp_conf_keys_n; i++) {
		const struct wp_conf_key *key = &wp_conf_keys[i];
		char **text = wp_conf_at(conf, key);

		switch (key->type) {
		case WP_CONF_SECRET:
			if (*text != NULL)
				explicit_bzero(*text, strlen(*text));
			free(*text);
			break;
		case WP_CONF_STRING:
			free(*text);
			break;
		case WP_CONF_LIST:
			wp_conf_list_release(wp_conf_at(conf, key));
			break;
		case WP_CONF_INT:
		case WP_CONF_BOOL:
		case WP_CONF_ENUM:
			break;
		}
	}
	memset(conf, 0, sizeof(*conf));
}

void wp_conf_warn_unset(const struct wp_conf *conf)
{
	const char *mode = getenv("WAYPOST_RUN_MODE");

	if (conf->has_file || (mode != NULL && mode[0] != '\0'))
		return;
	wp_log(NULL, WP_LOG_WARN,
	       "no configuration file was found; this is local mode, for one "
	       "machine, and no production",
	       wp_str("path", WP_CONF_DEFAULT_PATH));
}

size_t wp_conf_max_ws_message(const struct wp_conf *conf)
{
	if (conf->websocket.max_message_bytes > 0)
		return (size_t)conf->websocket.max_message_bytes;
	return (size_t)conf->mailbox.max_envelope_bytes + FRAME_OVERHEAD_BYTES;
}
