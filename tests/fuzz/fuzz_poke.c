/*
 * Any bytes on a channel: nothing is read beyond them, and what a message says
 * makes the message again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/presence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

/* The users of a message lie in it one behind the other, a comma between. */
static const char *check_user(const char *at, const struct wp_poke *poke)
{
	need(poke->text == at);
	need(memchr(poke->text, ',', poke->len) == NULL);
	return poke->text + poke->len + 1;
}

static void check_nonce(const struct wp_poke *poke)
{
	uint32_t value = 0;

	for (size_t i = 0; i < poke->len; i++)
		value = value * 10 + (uint32_t)(poke->text[i] - '0');
	need(poke->len > 0 && value == poke->nonce);
}

static void check_message(const char *text, size_t size)
{
	struct wp_poke_reader reader = wp_poke_read(text, size);
	const char *at = text + 2;
	struct wp_poke poke;

	while (wp_poke_next(&reader, &poke)) {
		need(poke.text >= text && poke.len <= size &&
		     poke.text + poke.len <= text + size);
		if (poke.what == WP_POKE_USER) {
			at = check_user(at, &poke);
			continue;
		}
		need(poke.text == text + 2 && poke.len == size - 2);
		if (poke.what == WP_POKE_NONCE)
			check_nonce(&poke);
		need(!wp_poke_next(&reader, &poke));
	}
	/* Users leave nothing behind but a comma at the end. */
	if (at > text + 2)
		need(at == text + size + 1 || at == text + size);
}

static void check_names(const char *text, size_t size)
{
	char name[WP_CONNECTION_MAX + 1];
	uint64_t number;
	uint64_t again;
	size_t len = size;
	const char *who = wp_poke_notified(text, &len);

	need(who == NULL || who + len == text + size);
	if (!wp_connection_number(text, size, "i1", &number))
		return;
	wp_connection_name(name, "i1", number);
	need(wp_connection_number(name, strlen(name), "i1", &again) &&
	     again == number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, so that a read beyond it is seen. */
	char *text = malloc(size > 0 ? size : 1);

	need(text != NULL);
	memcpy(text, data, size);
	check_message(text, size);
	check_names(text, size);
	free(text);
	return 0;
}
