#include "tests/support/fake_provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

void fake_certificate(const char *folder, const char *name, const char *host)
{
	char command[4 * FAKE_PATH_MAX];

	(void)snprintf(command, sizeof(command),
		       "openssl req -x509 -newkey ec -pkeyopt "
		       "ec_paramgen_curve:P-256 -nodes -days 2 -subj "
		       "/CN=provider -addext subjectAltName=%s -keyout "
		       "'%s/%s-key.pem' -out '%s/%s.pem' 2>/dev/null",
		       host, folder, name, folder, name);
	assert_int_equal(system(command), 0);
}

void fake_provider_begin(struct fake_provider *fake, const char *folder,
			 const char *name, const char *more)
{
	char options[4 * FAKE_PATH_MAX];

	(void)snprintf(options, sizeof(options),
		       "{\"cert\":\"%s/%s.pem\",\"key\":\"%s/%s-key.pem\"%s}",
		       folder, name, folder, name, more);
	node_child_begin(&fake->node, "tests/push/provider.mjs", options);
	assert_int_equal(sscanf(fake->node.line, "{\"port\":%d}", &fake->port),
			 1);
}

void fake_provider_end(struct fake_provider *fake)
{
	node_child_end(&fake->node);
}

void fake_provider_tell(struct fake_provider *fake, const char *token,
			const char *answers)
{
	node_child_ask(&fake->node, "{\"tell\":\"%s\",\"answers\":%s}", token,
		       answers);
}

void fake_provider_count(struct fake_provider *fake, const char *token,
			 int *requests_out, int *connections_out)
{
	node_child_ask(&fake->node, "{\"count\":\"%s\"}", token);
	assert_int_equal(sscanf(fake->node.line,
				"{\"count\":%d,\"connections\":%d}",
				requests_out, connections_out),
			 2);
}

const char *fake_provider_requests(struct fake_provider *fake)
{
	node_child_ask(&fake->node, "{\"requests\":true}");
	return fake->node.line;
}
