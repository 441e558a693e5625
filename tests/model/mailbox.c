/*
 * mailbox.c - check the cases of mailbox_cases.c.
 *
 * usage: mailbox [--full] [--trace] [--list] [NAME…]
 *
 * One line per case. Exits 1 when the protocol as it is fails, or when one of
 * its guards can be taken away without anything failing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/mailbox.h"

struct options {
	bool is_full;
	bool is_list;
	bool has_trace;
	int first_name; /* in argv */
};

static double seconds_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_as_expected(const struct wp_model_case *model,
			   const struct wp_model_result *result)
{
	if (model->fails == 0)
		return result->is_complete && !result->is_violated;
	return result->is_violated && (model->fails >> result->violated & 1);
}

static void print_outcome(const struct wp_model_result *result)
{
	char text[80];

	if (result->is_violated)
		snprintf(text, sizeof(text), "%s, %zu steps",
			 wp_model_property_names[result->violated], result->n);
	else
		snprintf(text, sizeof(text), "%s",
			 result->is_complete ? "holds" : "too many states");
	printf("%-50s", text);
}

/* Returns whether the case came out as it must. */
static bool check(const struct wp_model_case *model, bool has_trace)
{
	struct wp_model_result result;
	double begun = seconds_now();
	bool ok;

	if (!wp_model_explore(model, &result)) {
		printf("FAIL %-5s out of memory\n", model->name);
		wp_model_result_release(&result);
		return false;
	}
	ok = is_as_expected(model, &result);
	printf("%s %-5s %-46s ", ok ? "ok  " : "FAIL", model->name,
	       model->what);
	print_outcome(&result);
	printf("%9zu states %5.1f s\n", result.states, seconds_now() - begun);
	if (result.is_violated && (has_trace || !ok))
		wp_model_print_trace(model, &result);
	fflush(stdout);
	wp_model_result_release(&result);
	return ok;
}

static bool is_wanted(const struct wp_model_case *model,
		      const struct options *options, int argc, char **argv)
{
	if (options->first_name == argc)
		return options->is_full || !model->is_full;
	for (int i = options->first_name; i < argc; i++)
		if (strcmp(argv[i], model->name) == 0)
			return true;
	return false;
}

static bool read_options(struct options *options, int argc, char **argv)
{
	int i = 1;

	*options = (struct options){ 0 };
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--full") == 0)
			options->is_full = true;
		else if (strcmp(argv[i], "--trace") == 0)
			options->has_trace = true;
		else if (strcmp(argv[i], "--list") == 0)
			options->is_list = true;
		else
			return false;
	}
	options->first_name = i;
	return true;
}

int main(int argc, char **argv)
{
	struct options options;
	bool ok = true;

	if (!read_options(&options, argc, argv)) {
		fprintf(stderr, "usage: mailbox [--full] [--trace] [--list] "
				"[NAME...]\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < wp_model_n_cases; i++) {
		const struct wp_model_case *model = &wp_model_cases[i];

		if (!is_wanted(model, &options, argc, argv))
			continue;
		if (options.is_list)
			printf("%s\n", model->name);
		else
			ok &= check(model, options.has_trace);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
