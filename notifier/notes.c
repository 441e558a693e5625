/*
 * notes.c - texts in one piece, so that fields can point to them.
 */
#include "notifier/notes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "notifier/claimed.h"

struct wp_note {
	char field[WP_MEMORY_NAME_MAX];
	char value[WP_TOLD_TEXT_MAX];
};

bool wp_notes_init(struct wp_notes *notes, size_t max)
{
	*notes = (struct wp_notes){
		.fields = calloc(max, sizeof(*notes->fields)),
		.texts = calloc(max, sizeof(*notes->texts)),
		.max = max,
	};
	return notes->fields != NULL && notes->texts != NULL;
}

void wp_notes_release(struct wp_notes *notes)
{
	free(notes->fields);
	free(notes->texts);
	*notes = (struct wp_notes){ .max = 0 };
}

void wp_notes_add(struct wp_notes *notes, const char *field, const char *value)
{
	struct wp_note *note = &notes->texts[notes->n];

	assert(notes->n < notes->max);
	(void)snprintf(note->field, sizeof(note->field), "%s", field);
	(void)snprintf(note->value, sizeof(note->value), "%s", value);
	notes->fields[notes->n++] = (struct wp_push_field){
		.name = note->field,
		.value = note->value,
	};
}

void wp_notes_told(struct wp_notes *notes, const char *field,
		   const struct wp_told *told)
{
	char value[WP_TOLD_TEXT_MAX] = "";

	if (told != NULL)
		wp_told_format(told, value);
	wp_notes_add(notes, field, value);
}
