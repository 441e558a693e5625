/*
 * head.h - the head of one HTTP/1.1 request (RFC 9112): strict, bounded, and
 * without a copy.
 */
#ifndef WP_LIB_HTTP_HEAD_H
#define WP_LIB_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

enum { WP_HEAD_MAX = 16 * 1024, WP_HEAD_FIELDS = 64 };

/* A part of a head; data is NULL when the thing is absent. */
struct wp_text {
	const char *data;
	size_t len;
};

/* Is it these bytes? Is it this word, in any case? An absent one is neither. */
bool wp_text_is(const struct wp_text *text, const char *bytes);
bool wp_text_is_word(const struct wp_text *text, const char *word);
/* tchar of RFC 9110 section 5.6.2, one or more of them. */
bool wp_text_is_token(const struct wp_text *text);

struct wp_head_field {
	struct wp_text name;
	struct wp_text value; /* without white space around it */
};

struct wp_head {
	struct wp_text method;
	struct wp_text path;  /* before '?' */
	struct wp_text query; /* after '?', data NULL when there is none */
	struct wp_head_field fields[WP_HEAD_FIELDS];
	size_t n_fields;
	size_t len; /* bytes of the head, blank line included */
};

enum wp_head_status {
	WP_HEAD_MORE, /* incomplete */
	WP_HEAD_OK,
	WP_HEAD_BAD, /* not HTTP/1.1: answer *http_out (400, 431 or 505) */
};

/* data need not be terminated; *out points into it. */
enum wp_head_status wp_head_parse(struct wp_head *out, const char *data,
				  size_t len, unsigned *http_out);

/*
 * The same for who looks at nothing but method, path and query: fields are not
 * read, and any version of HTTP/1 will do.
 */
enum wp_head_status wp_head_parse_line(struct wp_head *out, const char *data,
				       size_t len);

/* Value of the first field with this name (any case); absent: data NULL. */
struct wp_text wp_head_field(const struct wp_head *head, const char *name);
/* How many fields have this name. */
size_t wp_head_count(const struct wp_head *head, const char *name);
/* Does a comma list in any field of this name contain token (any case)? */
bool wp_head_has_token(const struct wp_head *head, const char *name,
		       const char *token);
/* Value of a cookie (RFC 6265 section 4.2.1); absent: data NULL. */
struct wp_text wp_head_cookie(const struct wp_head *head, const char *name);
/* The same in the value of one Cookie field. */
struct wp_text wp_text_cookie(const struct wp_text *value, const char *name);

/*
 * Take the next element of a comma list off its front, without white space
 * around it; false when list is used up, which an absent one is.
 */
bool wp_text_next_element(struct wp_text *list, struct wp_text *out);

#endif /* WP_LIB_HTTP_HEAD_H */
