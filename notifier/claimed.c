/*
 * claimed.c - copies of texts, and clocks.
 */
#include "notifier/claimed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define MEMORY "d:"

static bool copy_devices(struct wp_claimed *out, const struct wp_push_box *box)
{
	size_t n = wp_reply_count(box->devices);

	if (n == 0)
		return true;
	out->devices = calloc(n, sizeof(*out->devices));
	if (out->devices == NULL)
		return false;
	for (; out->n_devices < n; out->n_devices++) {
		const struct wp_reply *device =
			wp_reply_at(box->devices, out->n_devices);

		out->devices[out->n_devices] = strdup(wp_reply_str(device));
		if (out->devices[out->n_devices] == NULL)
			return false;
	}
	return true;
}

/* What cannot be read is remembered as nothing, and written anew. */
static bool copy_memories(struct wp_claimed *out, const struct wp_push_box *box)
{
	size_t n = wp_reply_count(box->fields);

	if (n == 0)
		return true;
	out->memories = calloc(n / 2, sizeof(*out->memories));
	if (out->memories == NULL)
		return false;
	for (size_t i = 0; i < n; i += 2) {
		const char *name = wp_reply_str(wp_reply_at(box->fields, i));
		const char *text =
			wp_reply_str(wp_reply_at(box->fields, i + 1));
		struct wp_memory *memory = &out->memories[out->n_memories];

		if (strncmp(name, MEMORY, strlen(MEMORY)) != 0 ||
		    strlen(name) >= sizeof(memory->field))
			continue;
		(void)snprintf(memory->field, sizeof(memory->field), "%s",
			       name);
		(void)wp_told_parse(&memory->told, text);
		out->n_memories++;
	}
	return true;
}

static bool copy_resumed(struct wp_claimed *out, const struct wp_push_box *box)
{
	const char *resumed = wp_push_field(box, "resumed");

	if (resumed == NULL)
		return true;
	out->resumed = strdup(resumed);
	return out->resumed != NULL;
}

/* Ours, or Redis'; what is no number was written by nobody. */
static int64_t number_of(const char *text)
{
	return text != NULL ? strtoll(text, NULL, 10) : 0;
}

bool wp_claimed_copy(struct wp_claimed *out, const struct wp_push_box *box,
		     const struct wp_claim *claim)
{
	const char *once = wp_push_field(box, "once");

	*out = (struct wp_claimed){
		.claim = *claim,
		.box = box->box,
		.what = box->what,
		.want = box->want,
		.waiting = box->waiting,
		.is_high = box->is_high,
		.is_online = box->connections > 0,
		.is_shown = wp_push_field(box, "shown") != NULL,
		.seen_ms = box->seen_s * 1000,
		.touched_ms = number_of(wp_push_field(box, "touched")),
	};
	(void)snprintf(out->once, sizeof(out->once), "%s",
		       once != NULL ? once : "");
	return copy_resumed(out, box) && copy_devices(out, box) &&
	       copy_memories(out, box);
}

void wp_claimed_release(struct wp_claimed *claimed)
{
	for (size_t i = 0; i < claimed->n_devices; i++)
		free(claimed->devices[i]);
	free(claimed->devices);
	free(claimed->resumed);
	free(claimed->memories);
	*claimed = (struct wp_claimed){ .waiting = 0 };
}

int64_t wp_claimed_age_ms(const struct wp_claimed *claimed)
{
	return (int64_t)(wp_mono_ms() - claimed->claim.asked_ms);
}

int64_t wp_claimed_now_ms(const struct wp_claimed *claimed)
{
	return claimed->claim.redis_ms + wp_claimed_age_ms(claimed);
}

const struct wp_memory *wp_claimed_memory(const struct wp_claimed *claimed,
					  const char *field)
{
	for (size_t i = 0; i < claimed->n_memories; i++)
		if (strcmp(claimed->memories[i].field, field) == 0)
			return &claimed->memories[i];
	return NULL;
}

bool wp_claimed_has(const struct wp_claimed *claimed, const char *device)
{
	for (size_t i = 0; device[0] != '\0' && i < claimed->n_devices; i++)
		if (strcmp(claimed->devices[i], device) == 0)
			return true;
	return false;
}

bool wp_claimed_is_resumed(const struct wp_claimed *claimed, const char *app)
{
	size_t len = strlen(app);
	const char *at = claimed->resumed;

	/* As push_forward.lua has it: each between two line feeds. */
	while (at != NULL && (at = strchr(at, '\n')) != NULL) {
		at++;
		if (strncmp(at, app, len) == 0 && at[len] == '\n')
			return true;
	}
	return false;
}
