/*
 * conf_yaml.c - the configuration file: sections of keys, nothing deeper.
 *
 * The only user of libyaml. It reads events, so no tree is built and nothing
 * recurses. What YAML can do beyond two levels of plain values (anchors, tags,
 * several documents) is refused rather than half understood.
 */
#include "lib/sys/conf_section.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

struct reader {
	struct wp_conf_load *load;
	const char *file; /* what sentences call the text */
	struct wp_error *err;
	yaml_parser_t parser;
	yaml_event_t event;          /* the latest; deleted by the next one */
	char name[WP_CONF_NAME_MAX]; /* "section.key" of the value at hand */
	size_t line;                 /* of that name, counted from 1 */
	size_t depth;                /* of lists and mappings around event */
	size_t n_events;             /* read so far */
	bool is_broken;              /* there is no next event */
	bool is_foreign;             /* in a section that others use */
	enum wp_err rc;              /* the first fault, and its sentence */
	struct wp_error first;
};

/* How YAML understands a scalar that has no quotes (core schema). */
enum plain { PLAIN_TEXT, PLAIN_NULL, PLAIN_BOOL, PLAIN_NUMBER };

/* The sentence about the key at hand. */
static enum wp_err bad(struct reader *r, const char *sentence)
{
	return wp_error_set(r->err, WP_ERR_INVAL, "%s:%zu: %s: %s", r->file,
			    r->line, r->name, sentence);
}

/* The sentence about a place that belongs to no key. */
static enum wp_err bad_here(struct reader *r, const char *sentence)
{
	return wp_error_set(r->err, WP_ERR_INVAL, "%s:%zu: %s", r->file,
			    r->event.start_mark.line + 1, sentence);
}

/* Does the event carry an anchor or a tag? Aliases are told apart by type. */
static bool is_decorated(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL ||
		       event->data.scalar.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL ||
		       event->data.sequence_start.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL ||
		       event->data.mapping_start.tag != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

/* Step to the next event. */
static enum wp_err next(struct reader *r)
{
	yaml_event_delete(&r->event);
	r->n_events++;
	if (!yaml_parser_parse(&r->parser, &r->event)) {
		const char *why = r->parser.problem;

		r->is_broken = true;
		memset(&r->event, 0, sizeof(r->event));
		return wp_error_set(r->err, WP_ERR_INVAL,
				    "%s:%zu: this is no YAML: %s", r->file,
				    r->parser.problem_mark.line + 1,
				    why != NULL ? why : "out of memory");
	}
	if (r->event.type == YAML_MAPPING_START_EVENT ||
	    r->event.type == YAML_SEQUENCE_START_EVENT)
		r->depth++;
	else if (r->event.type == YAML_MAPPING_END_EVENT ||
		 r->event.type == YAML_SEQUENCE_END_EVENT)
		r->depth--;
	r->is_broken = is_decorated(&r->event);
	if (r->is_broken)
		return bad_here(r, "anchors, aliases and tags have no place "
				   "in this file");
	return WP_OK;
}

static const char *scalar_text(const struct reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

/* A number as YAML writes decimal ones; 127.0.0.1 is none. */
static bool is_number(const char *text)
{
	const char *p = text + (text[0] == '-' || text[0] == '+');
	char *end;

	if (!isdigit((unsigned char)p[0]) &&
	    !(p[0] == '.' && isdigit((unsigned char)p[1])))
		return false;
	(void)strtod(text, &end);
	return *end == '\0';
}

static enum plain plain_kind(const struct reader *r)
{
	const char *text = scalar_text(r);

	if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return PLAIN_TEXT;
	if (text[0] == '\0' || strcmp(text, "~") == 0 ||
	    strcasecmp(text, "null") == 0)
		return PLAIN_NULL;
	if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
		return PLAIN_BOOL;
	return is_number(text) ? PLAIN_NUMBER : PLAIN_TEXT;
}

static bool is_null(const struct reader *r)
{
	return r->event.type == YAML_SCALAR_EVENT &&
	       plain_kind(r) == PLAIN_NULL;
}

/*
 * Make "prefix.key" of the scalar at hand the current name. Bytes that could
 * spoil a terminal become "?"; such a name, or a long one, matches no key.
 */
static enum wp_err take_name(struct reader *r, const char *prefix)
{
	size_t used = strlen(prefix);
	size_t i;

	if (r->event.type != YAML_SCALAR_EVENT)
		return bad_here(r, "a key must be one word");
	r->line = r->event.start_mark.line + 1;
	memcpy(r->name, prefix, used);
	if (used > 0)
		r->name[used++] = '.';
	for (i = 0; i < r->event.data.scalar.length; i++) {
		char c = scalar_text(r)[i];

		if (used == sizeof(r->name) - 1)
			break;
		r->name[used++] = (char)(c > 0x20 && c < 0x7f ? c : '?');
	}
	r->name[used] = '\0';
	return WP_OK;
}

/* Is the scalar at hand written as a value of this type? */
static enum wp_err check_form(struct reader *r, enum wp_conf_type type)
{
	enum plain kind;

	if (r->event.type != YAML_SCALAR_EVENT)
		return bad(r, "must be a single value");
	if (strlen(scalar_text(r)) != r->event.data.scalar.length)
		return bad(r, "must not hold a NUL byte");
	kind = plain_kind(r);
	if (kind == PLAIN_NULL)
		return bad(r, "has no value; leave the key out for its "
			      "default, or write \"\" for nothing");
	switch (type) {
	case WP_CONF_INT:
		return kind == PLAIN_NUMBER
			       ? WP_OK
			       : bad(r, "must be a number, without quotes");
	case WP_CONF_BOOL:
		return kind == PLAIN_BOOL
			       ? WP_OK
			       : bad(r,
				     "must be true or false, without quotes");
	case WP_CONF_STRING:
	case WP_CONF_ENUM:
	case WP_CONF_LIST:
	case WP_CONF_SECRET:
		break;
	}
	return kind == PLAIN_TEXT ? WP_OK
				  : bad(r, "must be a text; put it in quotes");
}

static enum wp_err read_list(struct reader *r, const struct wp_conf_key *key)
{
	struct wp_conf_list list = { 0 };
	struct wp_error why;
	enum wp_err rc;

	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return bad(r, "must be a list: [one, two]");
	for (;;) {
		rc = next(r);
		if (rc != WP_OK)
			goto out;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		rc = check_form(r, WP_CONF_LIST);
		if (rc != WP_OK)
			goto out;
		rc = wp_conf_list_add(&list, scalar_text(r),
				      strlen(scalar_text(r)), &why);
		if (rc != WP_OK) {
			bad(r, why.msg);
			goto out;
		}
	}
	rc = wp_conf_take_list(r->load->conf, key, &list, &why);
	if (rc != WP_OK)
		bad(r, why.msg);
out:
	wp_conf_list_release(&list);
	return rc;
}

/* Read the value that follows the current name; is_path: of <key>_file. */
static enum wp_err read_value(struct reader *r, struct wp_conf_entry *entry,
			      bool is_path)
{
	const struct wp_conf_key *key = entry->key;
	bool *seen = is_path ? &entry->path_in_file : &entry->in_file;
	struct wp_error why;
	enum wp_err rc;

	if (key->type == WP_CONF_SECRET && !is_path)
		return wp_error_set(r->err, WP_ERR_INVAL,
				    "%s:%zu: %s: a secret does not belong in "
				    "this file; set %s or %s_file",
				    r->file, r->line, r->name, key->alias,
				    key->name);
	if (*seen)
		return bad(r, "is given twice");
	*seen = true;
	rc = next(r);
	if (rc != WP_OK)
		return rc;
	if (key->type == WP_CONF_LIST) {
		rc = read_list(r, key);
	} else {
		rc = check_form(r, key->type);
		if (rc != WP_OK)
			return rc;
		rc = is_path ? wp_conf_set_path(entry, scalar_text(r), &why)
			     : wp_conf_set(r->load->conf, key, scalar_text(r),
					   &why);
		if (rc != WP_OK)
			bad(r, why.msg);
	}
	if (rc == WP_OK && !is_path)
		entry->is_set = true;
	return rc;
}

/* Where the name at hand stands, for go_on(). */
struct place {
	size_t depth;
	size_t n_events;
};

/*
 * After an entry with a fault: note it, and step over what is left of its
 * value. The entries behind it are looked at as well. What others use they
 * judge; it may be of another version than we are.
 */
static enum wp_err go_on(struct reader *r, const struct place *name,
			 enum wp_err verdict)
{
	enum wp_err rc = WP_OK;

	if (verdict == WP_OK || r->is_broken || verdict == WP_ERR_NOMEM)
		return verdict;
	if (!r->is_foreign)
		wp_faults_note(r->load->conf->faults, verdict, r->err, &r->rc,
			       &r->first);
	if (r->n_events == name->n_events)
		rc = next(r);
	while (rc == WP_OK && r->depth > name->depth)
		rc = next(r);
	return rc;
}

static enum wp_err read_known(struct reader *r)
{
	bool is_path;
	struct wp_conf_entry *entry = wp_conf_find(r->load, r->name, &is_path);

	return entry == NULL ? bad(r, "there is no such key")
			     : read_value(r, entry, is_path);
}

static enum wp_err read_section(struct reader *r, const char *section)
{
	struct place name;
	enum wp_err rc;

	for (;;) {
		rc = next(r);
		if (rc != WP_OK || r->event.type == YAML_MAPPING_END_EVENT)
			return rc;
		name = (struct place){ r->depth, r->n_events };
		rc = take_name(r, section);
		if (rc != WP_OK)
			return rc;
		rc = go_on(r, &name, read_known(r));
		if (rc != WP_OK)
			return rc;
	}
}

/* The entry of the section's first key, or NULL. */
static struct wp_conf_entry *find_section(const struct reader *r)
{
	for (size_t i = 0; r->name[0] != '\0' && i < r->load->n; i++)
		if (strcmp(r->load->entries[i].section->name, r->name) == 0)
			return &r->load->entries[i];
	return NULL;
}

/* A name at the left margin: a key of its own, or a section. */
static enum wp_err read_entry(struct reader *r)
{
	char section[WP_CONF_NAME_MAX];
	struct wp_conf_entry *entry;
	bool is_path;
	enum wp_err rc;

	entry = wp_conf_find(r->load, r->name, &is_path);
	if (entry != NULL && strchr(r->name, '.') == NULL)
		return read_value(r, entry, is_path);
	entry = find_section(r);
	if (entry == NULL)
		return bad(r, "there is no such section");
	if (entry->section_seen)
		return bad(r, "is given twice");
	entry->section_seen = true;

	rc = next(r);
	if (rc != WP_OK)
		return rc;
	if (is_null(r)) /* all of its keys are commented out */
		return WP_OK;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return bad(r, "is a section; its keys go below it");
	memcpy(section, r->name, sizeof(section));
	r->is_foreign = !entry->is_judged;
	rc = read_section(r, section);
	r->is_foreign = false;
	return rc;
}

static enum wp_err read_entries(struct reader *r)
{
	struct place name;
	enum wp_err rc;

	if (is_null(r))
		return WP_OK;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return bad_here(r, "the file must hold sections of keys");
	for (;;) {
		rc = next(r);
		if (rc != WP_OK || r->event.type == YAML_MAPPING_END_EVENT)
			return rc;
		name = (struct place){ r->depth, r->n_events };
		rc = take_name(r, "");
		if (rc != WP_OK)
			return rc;
		rc = go_on(r, &name, read_entry(r));
		if (rc != WP_OK)
			return rc;
	}
}

static enum wp_err read_stream(struct reader *r)
{
	enum wp_err rc = next(r); /* the start of the stream */

	if (rc == WP_OK)
		rc = next(r);
	if (rc != WP_OK || r->event.type == YAML_STREAM_END_EVENT)
		return rc;
	rc = next(r); /* past the start of the document */
	if (rc == WP_OK)
		rc = read_entries(r);
	if (rc == WP_OK)
		rc = next(r); /* the end of the document */
	if (rc == WP_OK)
		rc = next(r);
	if (rc == WP_OK && r->event.type != YAML_STREAM_END_EVENT)
		rc = bad_here(r, "only one document may be in this file");
	return rc;
}

enum wp_err wp_conf_read_yaml(struct wp_conf_load *load, const char *name,
			      const char *text, size_t len,
			      struct wp_error *err)
{
	struct wp_error why = { 0 };
	struct reader r = { .load = load, .file = name, .err = &why };
	enum wp_err rc;

	if (!yaml_parser_initialize(&r.parser))
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text,
				     len);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	rc = read_stream(&r);
	wp_faults_note(load->conf->faults, rc, &why, &r.rc, &r.first);
	if (r.rc != WP_OK && err != NULL)
		*err = r.first;
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return r.rc;
}
