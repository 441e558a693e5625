/*
 * notes.h - what is to be written down of a box and its devices when a claim is
 * answered.
 */
#ifndef WP_NOTIFIER_NOTES_H
#define WP_NOTIFIER_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/mailbox/push.h"
#include "notifier/plan/told.h"

/* A name and its value; private. */
struct wp_note;

/* fields and n are for struct wp_push_done; all zero is nothing. */
struct wp_notes {
	struct wp_push_field *fields;
	size_t n;
	size_t max;
	struct wp_note *texts;
};

/*
 * max:       so many notes at most
 * Ownership: the caller's; end with wp_notes_release(), also on false
 * Returns:   false when memory is exhausted
 */
bool wp_notes_init(struct wp_notes *notes, size_t max) WP_MUST_USE;
void wp_notes_release(struct wp_notes *notes);

/* The field has this value from now on; "" removes it. */
void wp_notes_add(struct wp_notes *notes, const char *field, const char *value);
/* What a device was told; NULL: it is gone, and its field with it. */
void wp_notes_told(struct wp_notes *notes, const char *field,
		   const struct wp_told *told);

#endif /* WP_NOTIFIER_NOTES_H */
