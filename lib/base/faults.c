/* faults.c - a bounded list of sentences. */
#include "lib/base/faults.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void wp_faults_note(struct wp_faults *faults, enum wp_err verdict,
		    const struct wp_error *why, enum wp_err *rc,
		    struct wp_error *err)
{
	if (verdict == WP_OK)
		return;
	if (faults != NULL && faults->n++ < WP_FAULTS_MAX)
		faults->list[faults->n - 1] = *why;
	if (*rc != WP_OK)
		return;
	*rc = verdict;
	if (err != NULL)
		*err = *why;
}

void wp_faults_print(const struct wp_faults *faults, const char *program,
		     const struct wp_error *err)
{
	size_t n = faults->n < WP_FAULTS_MAX ? faults->n : WP_FAULTS_MAX;
	bool has_err = false;

	for (size_t i = 0; i < n; i++) {
		fprintf(stderr, "%s: %s\n", program, faults->list[i].msg);
		has_err |= strcmp(faults->list[i].msg, err->msg) == 0;
	}
	if (faults->n > n)
		fprintf(stderr, "%s: and %zu more\n", program, faults->n - n);
	if (!has_err)
		fprintf(stderr, "%s: %s\n", program, err->msg);
}
