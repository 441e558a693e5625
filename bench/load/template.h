/*
 * template.h - text in which runs of # stand for a number of as many digits:
 * the many users of a benchmark.
 */
#ifndef WP_BENCH_LOAD_TEMPLATE_H
#define WP_BENCH_LOAD_TEMPLATE_H

#include <stddef.h>

enum { TEMPLATE_HOLES_MAX = 8 };

struct template
{
	char *text; /* not owned */
	size_t len;
	size_t holes[TEMPLATE_HOLES_MAX], digits[TEMPLATE_HOLES_MAX], n;
};

/* Ends the program when there are too many runs. */
struct template template_of(char *text, size_t len);
/* Into out, which has room for from->len bytes; no NUL is added. */
void template_fill(const struct template *from, char *out, unsigned int number);

#endif /* WP_BENCH_LOAD_TEMPLATE_H */
