/*
 * conf_table.h - between the conf*.c files only; everybody else uses conf.h.
 *
 * The table says once what every key is called, what it may hold and why one
 * would change it. The functions behind it are the steps of wp_conf_load().
 */
#ifndef WP_LIB_SYS_CONF_TABLE_H
#define WP_LIB_SYS_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* Room for any "section.key" or WAYPOST_SECTION_KEY, _file included. */
enum { WP_CONF_NAME_MAX = 80, WP_CONF_KEYS_MAX = 80, WP_CONF_LIST_MAX = 64 };

enum wp_conf_type {
	WP_CONF_INT,    /* int64_t */
	WP_CONF_BOOL,   /* bool */
	WP_CONF_STRING, /* char *, "" when not set; words: the only values */
	WP_CONF_ENUM,   /* int64_t: index of the word */
	WP_CONF_LIST,   /* struct wp_conf_list of non-empty texts */
	WP_CONF_SECRET, /* char *, "" when not set; also known as <key>_file */
};

struct wp_conf_key {
	const char *name;   /* "redis.address"; only run_mode has no section */
	const char *alias;  /* a second environment variable, or NULL */
	const char *preset; /* the default as text; lists with commas */
	const char *unit;   /* "ms", "bytes", "%" or NULL */
	const char *help;
	const char *const *words; /* ends with NULL */
	int64_t min;              /* of the number, or of a list's length */
	int64_t max;
	size_t offset; /* in struct wp_conf */
	enum wp_conf_type type;
	bool is_reloadable; /* may take effect without a restart */
};

extern const struct wp_conf_key wp_conf_keys[];
extern const size_t wp_conf_keys_n;

/* What is known while loading and forgotten afterwards. */
struct wp_conf_load {
	struct wp_conf *conf;
	bool in_file[WP_CONF_KEYS_MAX];      /* the file had this key */
	bool path_in_file[WP_CONF_KEYS_MAX]; /* the file had <key>_file */
	bool is_set[WP_CONF_KEYS_MAX];       /* somebody has set this key */
	char *secret_path[WP_CONF_KEYS_MAX]; /* owned; what <key>_file says */
};

/*
 * The key called name, which has len bytes, or NULL.
 *
 * *is_path_out:  name is <key>_file of a secret
 */
const struct wp_conf_key *wp_conf_find(const char *name, size_t len,
				       bool *is_path_out);

/* Does the program use this key? Keys without a section are everybody's. */
bool wp_conf_uses(const struct wp_conf_program *program,
		  const struct wp_conf_key *key);
/* The same by the key's name, which must be one. */
bool wp_conf_uses_name(const struct wp_conf_program *program, const char *name);

static inline size_t wp_conf_index(const struct wp_conf_key *key)
{
	return (size_t)(key - wp_conf_keys);
}

/* "redis.address" to "WAYPOST_REDIS_ADDRESS"; suffix is "" or "_FILE". */
void wp_conf_env_name(const struct wp_conf_key *key, const char *suffix,
		      char out[WP_CONF_NAME_MAX]);

/* ---- conf_value.c: text to value -------------------------------------- */

/* Where the value of key is; the caller knows the type. */
void *wp_conf_at(struct wp_conf *conf, const struct wp_conf_key *key);
const void *wp_conf_peek(const struct wp_conf *conf,
			 const struct wp_conf_key *key);

/*
 * Set key from text; lists are separated by commas.
 *
 * Errors:  WP_ERR_INVAL  why->msg is a sentence without the key's name
 */
enum wp_err wp_conf_set(struct wp_conf *conf, const struct wp_conf_key *key,
			const char *text, struct wp_error *why) WP_MUST_USE;

/* Check list, which *takes* all items whatever the result, and set key. */
enum wp_err wp_conf_take_list(struct wp_conf *conf,
			      const struct wp_conf_key *key,
			      struct wp_conf_list *list,
			      struct wp_error *why) WP_MUST_USE;

/* Append a copy of len bytes of text. */
enum wp_err wp_conf_list_add(struct wp_conf_list *list, const char *text,
			     size_t len, struct wp_error *why) WP_MUST_USE;
void wp_conf_list_release(struct wp_conf_list *list);

/* Replace the path that <key>_file gives. */
enum wp_err wp_conf_set_path(struct wp_conf_load *load,
			     const struct wp_conf_key *key, const char *text,
			     struct wp_error *why) WP_MUST_USE;

/* ---- the sources, in rising precedence -------------------------------- */

/*
 * Those with rc note each fault in load->conf->faults and go on; rc and err
 * keep the first, as wp_faults_note() says.
 */

/* conf_file.c: the configuration file at path, at most 1 MiB. */
void wp_conf_read_file(struct wp_conf_load *load, const char *path,
		       enum wp_err *rc, struct wp_error *err);

/*
 * conf_file.c: append all that fd gives to out, in one piece of memory.
 *
 * Errors:  WP_ERR_FULL   there are more than max_bytes
 *          WP_ERR_NOMEM, WP_ERR_SYS (errno says which way)
 */
enum wp_err wp_conf_slurp(int fd, size_t max_bytes,
			  struct wp_buf *out) WP_MUST_USE;

/*
 * conf_yaml.c: len bytes of YAML that sentences call name. Notes each fault,
 * and returns the first.
 */
enum wp_err wp_conf_read_yaml(struct wp_conf_load *load, const char *name,
			      const char *text, size_t len,
			      struct wp_error *err) WP_MUST_USE;

/* conf_env.c: WAYPOST_… and the older names. */
void wp_conf_read_env(struct wp_conf_load *load, enum wp_err *rc,
		      struct wp_error *err);

/* conf_secret.c: the files that <key>_file names, for secrets not yet set. */
void wp_conf_read_secrets(struct wp_conf_load *load,
			  const struct wp_conf_program *program,
			  enum wp_err *rc, struct wp_error *err);
/*
 * conf_secret.c: the store secret of local mode, when nobody gives one: from a
 * file beside the database, which the first program makes. It must not follow
 * from the secret of tokens, which is rotated.
 *
 * may_make:  else a file that is not there leaves the secret empty
 */
enum wp_err wp_conf_keep_store_secret(struct wp_conf *conf, bool may_make,
				      struct wp_error *err) WP_MUST_USE;

/* conf_check.c: fill in what follows from other keys, then judge the whole. */
enum wp_err wp_conf_derive(struct wp_conf_load *load,
			   struct wp_error *err) WP_MUST_USE;
void wp_conf_check(const struct wp_conf *conf,
		   const struct wp_conf_program *program, enum wp_err *rc,
		   struct wp_error *err);

/* ---- conf_cli.c and conf_print.c: the command line --------------------- */

enum { WP_CONF_FLAGS_MAX = 16 };

struct wp_conf_args {
	enum wp_conf_action action;
	bool wants_config;       /* --print-config */
	bool wants_help;         /* --help: nothing behind it is looked at */
	bool wants_version;      /* --version: likewise */
	const char *config_path; /* borrowed from argv, or NULL */
	const char *values[WP_CONF_FLAGS_MAX]; /* of program->flags[i]; NULL */
};

enum wp_err wp_conf_read_args(struct wp_conf_args *args,
			      const struct wp_conf_program *program, int argc,
			      char **argv, struct wp_error *err) WP_MUST_USE;

/* Set the keys that the program's own flags stand for. */
enum wp_err wp_conf_read_flags(struct wp_conf_load *load,
			       const struct wp_conf_program *program,
			       const struct wp_conf_args *args,
			       struct wp_error *err) WP_MUST_USE;

void wp_conf_write_help(struct wp_buf *out,
			const struct wp_conf_program *program);

/* YAML that gives this configuration again; secrets only as a comment. */
void wp_conf_write_config(struct wp_buf *out, const struct wp_conf_load *load);

#endif /* WP_LIB_SYS_CONF_TABLE_H */
