/*
 * Any bytes as a discovery document and as a Cache-Control header. What a
 * document is believed to say, json-c reads in it as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "keys/discover.h"
#include "keys/schedule.h"

static const char issuer[] = "https://id.example/a";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

static void need_same(const char *text, size_t size, const char *url)
{
	struct json_tokener *tokener = json_tokener_new_ex(256);
	struct json_object *document =
		json_tokener_parse_ex(tokener, text, (int)size);
	struct json_object *said = NULL;

	need(json_object_object_get_ex(document, "issuer", &said));
	need(strcmp(json_object_get_string(said), issuer) == 0);
	need(json_object_object_get_ex(document, "jwks_uri", &said));
	need(strcmp(json_object_get_string(said), url) == 0);
	json_object_put(document);
	json_tokener_free(tokener);
}

static void check_document(const char *text, size_t size)
{
	char url[WP_URL_MAX + 1];
	struct wp_error err;

	if (wp_discover_read(text, size, issuer, url, &err) != WP_OK)
		return;
	/* Never plain text from an issuer that is not. */
	need(strncasecmp(url, "https://", 8) == 0);
	need(strlen(url) <= WP_URL_MAX);
	for (const char *p = url; *p != '\0'; p++)
		need(*p > ' ' && *p <= '~' && *p != '\\' && *p != '#');
	need_same(text, size, url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, so that a read beyond it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	int64_t age;

	need(text != NULL);
	memcpy(text, data, size);
	check_document(text, size);
	age = wp_schedule_max_age(text, size);
	need(age >= -1 && age <= INT64_C(1) << 31);
	free(text);
	return 0;
}
