/*
 * conf_section.h - what a section of the configuration is made of, and how it
 * is read. For sections/ and the conf*.c files; everybody else uses conf.h.
 *
 * A key says once what it is called, what it may hold and why one would change
 * it. The functions below are the steps of wp_conf_load().
 */
#ifndef WP_LIB_SYS_CONF_SECTION_H
#define WP_LIB_SYS_CONF_SECTION_H

#include "lib/base/buf.h"
#include "lib/sys/conf.h"

/* Room for any "section.key" or WAYPOST_SECTION_KEY, _file included. */
enum { WP_CONF_NAME_MAX = 80, WP_CONF_LIST_MAX = 64 };

enum wp_conf_type {
	WP_CONF_INT,    /* int64_t */
	WP_CONF_BOOL,   /* bool */
	WP_CONF_STRING, /* char *, "" when not set; words: the only values */
	WP_CONF_ENUM,   /* any enum: the index of the word */
	WP_CONF_LIST,   /* struct wp_conf_list of non-empty texts */
	WP_CONF_SECRET, /* char *, "" when not set; also known as <key>_file */
};

struct wp_conf_key {
	const char *name;          /* "redis.address" */
	const char *alias;         /* a second environment variable, or NULL */
	const char *preset;        /* the default as text; lists with commas */
	const char *in_production; /* the default there; NULL: the same */
	const char *unit;          /* "ms", "bytes", "%" or NULL */
	const char *help;
	const char *const *words; /* ends with NULL */
	int64_t min;              /* of the number, or of a list's length */
	int64_t max;
	size_t offset; /* in struct wp_conf */
	enum wp_conf_type type;
	bool is_reloadable; /* may take effect without a restart */
};

#define WP_CONF_AT(member) .offset = offsetof(struct wp_conf, member)

/*
 * What only shows when several keys are seen together, or is no matter of
 * bounds. Whether a file or a server exists is for a program to find out.
 *
 * is_used:  by the program that loads; else it is judged only
 */
typedef enum wp_err (*wp_conf_rule_fn)(const struct wp_conf *conf, bool is_used,
				       struct wp_error *err);

/*
 * A table of keys that a program uses as a whole, and the rules about them. A
 * section of the file may have several tables, one behind the other.
 */
struct wp_conf_section {
	const char *name; /* of the section in the file; "": none */
	const struct wp_conf_key *keys;
	size_t n;
	const wp_conf_rule_fn *rules; /* ends with NULL; may be NULL */
};

#define WP_CONF_SECTION(section_name, section_keys, section_rules)     \
	{                                                              \
		.name = (section_name), .keys = (section_keys),        \
		.n = sizeof(section_keys) / sizeof((section_keys)[0]), \
		.rules = (section_rules)                               \
	}

/* The i-th key of all sections; NULL behind the last. */
const struct wp_conf_key *
wp_conf_key_at(const struct wp_conf_section *const *sections, size_t i);

/* A rule is broken: "<name>: <sentence>". Returns: WP_ERR_INVAL */
enum wp_err wp_conf_broken(struct wp_error *err, const char *name,
			   const char *sentence);
/* The rule of an address to listen on; "" is none. */
enum wp_err wp_conf_check_listen(const char *name, const char *address,
				 struct wp_error *err) WP_MUST_USE;

/*
 * The scheme://host[:port] that a URL begins with, as browsers write it (RFC
 * 6454 section 6.2).
 *
 * Returns:  its bytes; 0 when that is no such thing
 */
size_t wp_conf_origin_len(const char *url);

/* ---- while loading; forgotten afterwards ------------------------------- */

struct wp_conf_entry {
	const struct wp_conf_key *key;
	const struct wp_conf_section *section;
	bool is_used;      /* by the program */
	bool is_judged;    /* faults are the program's business */
	bool in_file;      /* the file had this key */
	bool path_in_file; /* the file had <key>_file */
	bool section_seen; /* the file had its section; of the first key */
	bool is_set;       /* somebody has set this key */
	bool in_env;       /* a variable has its value */
	char *secret_path; /* owned; what <key>_file says; or NULL */
};

struct wp_conf_load {
	struct wp_conf *conf;
	struct wp_conf_entry *entries; /* owned; of all keys */
	size_t n;
	const char *path; /* of the file; borrowed; NULL: there is none */
};

/* Begin with every key that the program knows at its default. */
enum wp_err wp_conf_load_begin(struct wp_conf_load *load, struct wp_conf *conf,
			       const struct wp_conf_program *program,
			       struct wp_error *err) WP_MUST_USE;
void wp_conf_load_end(struct wp_conf_load *load);

/*
 * The entry of the key called name, or NULL.
 *
 * *is_path_out:  name is <key>_file of a secret
 */
struct wp_conf_entry *wp_conf_find(const struct wp_conf_load *load,
				   const char *name, bool *is_path_out);

/* "redis.address" to "WAYPOST_REDIS_ADDRESS"; suffix is "" or "_FILE". */
void wp_conf_env_name(const struct wp_conf_key *key, const char *suffix,
		      char out[WP_CONF_NAME_MAX]);

/* Fill in what follows from other keys, then obey the rules. Notes faults. */
void wp_conf_judge(struct wp_conf_load *load, enum wp_err *rc,
		   struct wp_error *err);

/* ---- conf_value.c: text to value, and back ----------------------------- */

/*
 * Set key from text; lists are separated by commas.
 *
 * Errors:  WP_ERR_INVAL  why->msg is a sentence without the key's name
 */
enum wp_err wp_conf_set(struct wp_conf *conf, const struct wp_conf_key *key,
			const char *text, struct wp_error *why) WP_MUST_USE;
/* The same for the path that <key>_file gives. */
enum wp_err wp_conf_set_path(struct wp_conf_entry *entry, const char *text,
			     struct wp_error *why) WP_MUST_USE;

/* Check list, which *takes* all items whatever the result, and set key. */
enum wp_err wp_conf_take_list(struct wp_conf *conf,
			      const struct wp_conf_key *key,
			      struct wp_conf_list *list,
			      struct wp_error *why) WP_MUST_USE;
/* Append a copy of len bytes of text. */
enum wp_err wp_conf_list_add(struct wp_conf_list *list, const char *text,
			     size_t len, struct wp_error *why) WP_MUST_USE;
void wp_conf_list_release(struct wp_conf_list *list);

/* Have two configurations the same value here? */
bool wp_conf_is_same(const struct wp_conf_key *key, const struct wp_conf *a,
		     const struct wp_conf *b);
/* Bytes of a secret; 0: it is not there. */
size_t wp_conf_secret_len(const struct wp_conf_key *key,
			  const struct wp_conf *conf);
/* Append the value as YAML; of a secret, whether it is there. */
void wp_conf_write_value(struct wp_buf *out, const struct wp_conf_key *key,
			 const struct wp_conf *conf);
void wp_conf_value_release(struct wp_conf *conf, const struct wp_conf_key *key);

/* ---- the sources: each fault is noted, and rc and err keep the first ---- */

/* conf_file.c: the configuration file at path, at most 1 MiB. */
void wp_conf_read_file(struct wp_conf_load *load, const char *path,
		       enum wp_err *rc, struct wp_error *err);
/* conf_yaml.c: len bytes of YAML that sentences call name. */
enum wp_err wp_conf_read_yaml(struct wp_conf_load *load, const char *name,
			      const char *text, size_t len,
			      struct wp_error *err) WP_MUST_USE;
/* conf_file.c: what <key>_file names, of used secrets that are not yet set. */
void wp_conf_read_secrets(struct wp_conf_load *load, enum wp_err *rc,
			  struct wp_error *err);
/* conf_theirs.c: environment_names, when all else has been read. */
void wp_conf_read_theirs(struct wp_conf_load *load, enum wp_err *rc,
			 struct wp_error *err);
/*
 * conf_file.c: where local mode keeps a store secret that nobody gives; out
 * stays empty when somebody does, or must. The file may not be there.
 */
enum wp_err wp_conf_find_kept(const struct wp_conf *conf, struct wp_buf *out,
			      struct wp_error *err) WP_MUST_USE;
/*
 * conf_file.c: the store secret that an earlier start has kept, when nobody
 * gives one (wp_conf_keep_store_secret()); a file that is not there leaves it
 * empty.
 */
enum wp_err wp_conf_read_kept_secret(struct wp_conf *conf,
				     struct wp_error *err) WP_MUST_USE;

/* ---- conf_print.c: --help and --print-config ---------------------------- */

void wp_conf_write_help(struct wp_buf *out,
			const struct wp_conf_program *program);

/* "error, warn, info or debug", "1 to 64 entries", "true or false" */
void wp_conf_write_range(struct wp_buf *out, const struct wp_conf_key *key);
/* A key as --help has it. */
void wp_conf_write_key(struct wp_buf *out, const struct wp_conf_key *key);

/* YAML that gives this configuration again; secrets only as a comment. */
void wp_conf_write_config(struct wp_buf *out, const struct wp_conf_load *load);

#endif /* WP_LIB_SYS_CONF_SECTION_H */
