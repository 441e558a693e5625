/*
 * rates.c - presets, and a small syntax. FCM's are well below the quota of a
 * project (600,000 a minute).
 */
#include "lib/push/rates.h"

#include <string.h>

static const struct {
	const char *name;
	struct wp_push_rate preset;
} lanes[WP_PUSH_LANES] = {
	[WP_PUSH_LANE_FCM] = { "fcm", { 500, 100 } },
	[WP_PUSH_LANE_APNS] = { "apns", { 500, 200 } },
	[WP_PUSH_LANE_WEB] = { "web", { 100, 32 } },
	[WP_PUSH_LANE_WEBHOOK] = { "webhook", { 10, 4 } },
	[WP_PUSH_LANE_SMTP] = { "smtp", { 1, 1 } },
	[WP_PUSH_LANE_BUS] = { "bus", { 1000, 200 } },
};

/* 1 to max, in digits up to end; where it ends, or NULL. */
static const char *read_number(const char *text, char end, uint32_t max,
			       uint32_t *out)
{
	uint32_t number = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (uint32_t)(*text - '0');
		if (number > max)
			return NULL;
	}
	if (number == 0 || *text != end)
		return NULL;
	*out = number;
	return text;
}

static bool read_one(struct wp_push_rates *out, const char *item)
{
	size_t len = strcspn(item, "=");
	struct wp_push_rate rate;
	const char *p;

	if (item[len] != '=')
		return false;
	p = read_number(item + len + 1, '/', WP_PUSH_RATE_MAX, &rate.per_s);
	if (p == NULL ||
	    read_number(p + 1, '\0', WP_PUSH_IN_FLIGHT_MAX, &rate.most) == NULL)
		return false;
	for (size_t i = 0; i < WP_PUSH_LANES; i++)
		if (strlen(lanes[i].name) == len &&
		    memcmp(lanes[i].name, item, len) == 0) {
			out->of[i] = rate;
			return true;
		}
	return false;
}

bool wp_push_rates_read(struct wp_push_rates *out, char *const *items, size_t n)
{
	for (size_t i = 0; i < WP_PUSH_LANES; i++)
		out->of[i] = lanes[i].preset;
	for (size_t i = 0; i < n; i++)
		if (!read_one(out, items[i]))
			return false;
	return true;
}
