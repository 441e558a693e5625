/*
 * rates.c - the classes, and reading "send=100/200".
 */
#include "lib/limit/rates.h"

#include <assert.h>
#include <string.h>

enum {
	DECIMALS = 6,
	RATE_ONE = 1000000, /* a rate of 1 in millionths */
	RATE_MIN = 100,
	BURST_MAX = 1000000,
	DAY_S = 86400,
	/* A process knows of nobody else's spending below this part of a
	 * burst. */
	CREDIT_PART = 20,
	/* In windows. A credit is a twentieth of one, and less than a hundredth
	 * of five. */
	KEEP_WINDOWS = 5,
	/* Ninety processes, each with a credit, are as far ahead as that. */
	MOST_WINDOWS = 10,
	ITEM_SHOWN_MAX = 60,
};
static const int64_t rate_max = (int64_t)RATE_ONE * 1000000;
static const int64_t ns_per_s = 1000000000;

enum { ALONE, SHARED };

#define ROW(name_, text_, preset_, kept_)           \
	[WP_LIMIT_##name_] = { .name = (text_),     \
			       .preset = (preset_), \
			       .kept = (kept_) },

static const struct {
	const char *name;
	const char *preset;
	int kept;
} classes[] = { WP_LIMIT_CLASSES(ROW) };

const char *wp_limit_name(enum wp_limit_class class)
{
	return classes[class].name;
}

int64_t wp_limit_window_s(const struct wp_limit_rate *rate)
{
	assert(rate->unit_ns > 0);
	return (rate->unit_ns * rate->burst + ns_per_s - 1) / ns_per_s;
}

/* Digits, at most max; moves *at behind them. False when there are none. */
static bool read_integer(const char **at, int64_t max, int64_t *out)
{
	const char *p = *at;
	int64_t value = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (*p - '0');
		if (value > max)
			return false;
	}
	if (p == *at)
		return false;
	*at = p;
	*out = value;
	return true;
}

/* "0.5" in millionths; digits behind the sixth decimal are none. */
static bool read_rate(const char **at, int64_t *out)
{
	int64_t whole, part = 0, scale = RATE_ONE;

	if (!read_integer(at, rate_max / RATE_ONE, &whole))
		return false;
	if (**at == '.') {
		(*at)++;
		for (int i = 0; i < DECIMALS && **at >= '0' && **at <= '9';
		     i++) {
			scale /= 10;
			part += (*(*at)++ - '0') * scale;
		}
		if (scale == RATE_ONE)
			return false;
	}
	*out = whole * RATE_ONE + part;
	return *out >= RATE_MIN && *out <= rate_max;
}

/* WP_ERR_INVAL with what is wrong. */
static enum wp_err read_value(struct wp_limit_rate *rate, const char *text,
			      struct wp_error *err)
{
	const char *at = text;
	int64_t per_s = 0;

	rate->keep_ns = 0;
	if (strcmp(text, "off") == 0) {
		rate->unit_ns = 0;
		return WP_OK;
	}
	if (!read_rate(&at, &per_s) || *at++ != '/' ||
	    !read_integer(&at, BURST_MAX, &rate->burst) || *at != '\0' ||
	    rate->burst == 0)
		return wp_error_set(
			err, WP_ERR_INVAL,
			"must be <rate>/<burst>, 0.0001 to 1000000 "
			"a second and 1 to 1000000 at once, or off");
	rate->unit_ns = ns_per_s * RATE_ONE / per_s;
	if (rate->unit_ns > DAY_S * ns_per_s / rate->burst)
		return wp_error_set(err, WP_ERR_INVAL,
				    "would take more than a day to fill");
	rate->credit = rate->burst / CREDIT_PART;
	if (rate->credit <= 1)
		rate->credit = 1;
	else
		rate->keep_ns = KEEP_WINDOWS * rate->unit_ns * rate->burst;
	rate->most_ns = MOST_WINDOWS * rate->unit_ns * rate->burst;
	return WP_OK;
}

static bool find(const char *name, size_t len, size_t *out)
{
	for (size_t i = 0; i < WP_LIMIT_COUNT; i++)
		if (strlen(classes[i].name) == len &&
		    memcmp(classes[i].name, name, len) == 0) {
			*out = i;
			return true;
		}
	return false;
}

static enum wp_err read_item(struct wp_limit_rates *rates, const char *item,
			     bool is_given[WP_LIMIT_COUNT],
			     struct wp_error *err)
{
	const char *sign = strchr(item, '=');
	struct wp_error why = { 0 };
	size_t class;

	if (sign == NULL || !find(item, (size_t)(sign - item), &class))
		return wp_error_set(err, WP_ERR_INVAL,
				    "\"%.*s\" does not begin with the name of "
				    "a class and =",
				    ITEM_SHOWN_MAX, item);
	if (is_given[class])
		return wp_error_set(err, WP_ERR_INVAL, "%s is given twice",
				    classes[class].name);
	is_given[class] = true;
	if (read_value(&rates->of[class], sign + 1, &why) != WP_OK)
		return wp_error_set(err, WP_ERR_INVAL, "%s %s",
				    classes[class].name, why.msg);
	return WP_OK;
}

enum wp_err wp_limit_rates_read(struct wp_limit_rates *rates,
				char *const *items, size_t n,
				struct wp_error *err)
{
	bool is_given[WP_LIMIT_COUNT] = { false };
	enum wp_err rc = WP_OK;

	*rates = (struct wp_limit_rates){ 0 };
	for (size_t i = 0; i < WP_LIMIT_COUNT; i++) {
		rates->of[i].is_shared = classes[i].kept == SHARED;
		rc = read_value(&rates->of[i], classes[i].preset, err);
		assert(rc == WP_OK);
	}
	for (size_t i = 0; rc == WP_OK && i < n; i++)
		rc = read_item(rates, items[i], is_given, err);
	return rc;
}
