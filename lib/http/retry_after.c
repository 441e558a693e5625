/* retry_after.c - seconds and dates from anybody, made reasonable. */
#include "lib/http/retry_after.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

static int64_t bounded(int64_t seconds)
{
	if (seconds < WP_RETRY_AFTER_MIN_S)
		return WP_RETRY_AFTER_MIN_S;
	return seconds < WP_RETRY_AFTER_MAX_S ? seconds : WP_RETRY_AFTER_MAX_S;
}

static int64_t from_seconds(const char *text)
{
	int64_t seconds = 0;

	for (; *text != '\0'; text++)
		if (seconds <= WP_RETRY_AFTER_MAX_S)
			seconds = seconds * 10 + (*text - '0');
	return bounded(seconds);
}

int64_t wp_retry_after(const char *text, int64_t now_s)
{
	/* RFC 9110 section 5.6.7; the process has the locale C. */
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %e %H:%M:%S %Y",
	};

	if (text == NULL || text[0] == '\0')
		return 0;
	if (text[strspn(text, "0123456789")] == '\0')
		return from_seconds(text);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *rest = strptime(text, forms[i], &tm);

		if (rest != NULL && *rest == '\0')
			return bounded((int64_t)timegm(&tm) - now_s);
	}
	return 0;
}
