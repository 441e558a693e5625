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

struct message {
	const char *text;
	size_t size;
	const char *at; /* where the next user must be */
	int is_over;    /* one that is not about users stands alone */
};

static void check_poke(void *ctx, const struct wp_poke *poke)
{
	struct message *m = ctx;

	need(poke->text >= m->text && poke->len <= m->size &&
	     poke->text + poke->len <= m->text + m->size);
	need(!m->is_over);
	if (poke->what == WP_POKE_USER) {
		m->at = check_user(m->at, poke);
		return;
	}
	need(poke->text == m->text + 2 && poke->len == m->size - 2);
	if (poke->what == WP_POKE_NONCE)
		check_nonce(poke);
	m->is_over = 1;
}

static void check_message(const char *text, size_t size)
{
	struct message m = { .text = text, .size = size, .at = text + 2 };

	wp_poke_read(text, size, check_poke, &m);
	/* Users leave nothing behind but a comma at the end. */
	if (m.at > text + 2)
		need(m.at == text + size + 1 || m.at == text + size);
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
