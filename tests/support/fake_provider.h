/*
 * fake_provider.h - tests/push/provider.mjs as a child of a test, and a
 * certificate for it. What it can be told is said there.
 */
#ifndef WP_TESTS_SUPPORT_FAKE_PROVIDER_H
#define WP_TESTS_SUPPORT_FAKE_PROVIDER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { FAKE_PATH_MAX = 256, FAKE_LINE_MAX = 1 << 16 };

struct fake_provider {
	pid_t pid;
	FILE *in;
	FILE *out;
	int port;
	char line[FAKE_LINE_MAX]; /* what it said last */
};

/* Is there a node that is new enough? Else it says so, for a skip to follow. */
bool fake_provider_can_be(void);

/*
 * Make a certificate that signs itself, of host ("IP:127.0.0.1" or
 * "DNS:other.example"), at folder/name.pem and folder/name-key.pem.
 */
void fake_certificate(const char *folder, const char *name, const char *host);

/* Begin it with that certificate; more: of its options, ",\"http1\":true". */
void fake_provider_begin(struct fake_provider *fake, const char *folder,
			 const char *name, const char *more);
void fake_provider_end(struct fake_provider *fake);

/* Tell it how to answer a token: answers is the JSON of its list. */
void fake_provider_tell(struct fake_provider *fake, const char *token,
			const char *answers);

/* Requests with a token, of all with "*", since the begin; and connections. */
void fake_provider_count(struct fake_provider *fake, const char *token,
			 int *requests_out, int *connections_out);

/* All requests since they were asked for last, as fake->line. */
const char *fake_provider_requests(struct fake_provider *fake);

#endif /* WP_TESTS_SUPPORT_FAKE_PROVIDER_H */
