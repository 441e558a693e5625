/*
 * fake_provider.h - tests/push/provider.mjs as a child of a test, and a
 * certificate for it. What it can be told is said there.
 */
#ifndef WP_TESTS_SUPPORT_FAKE_PROVIDER_H
#define WP_TESTS_SUPPORT_FAKE_PROVIDER_H

#include "tests/support/node_child.h"

enum { FAKE_PATH_MAX = 256 };

/* Not where there is no node: node_child_can_be(). */
struct fake_provider {
	struct node_child node;
	int port;
};

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

/* All requests since they were asked for last, as JSON. */
const char *fake_provider_requests(struct fake_provider *fake);

#endif /* WP_TESTS_SUPPORT_FAKE_PROVIDER_H */
