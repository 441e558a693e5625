/*
 * hist.c - see hist.h.
 */
#include "bench/load/hist.h"

static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < (1u << HIST_SUB_BITS))
		return (unsigned int)value;
	shift = 63u - (unsigned int)__builtin_clzll(value) - HIST_SUB_BITS;
	return ((shift + 1) << HIST_SUB_BITS) + (unsigned int)(value >> shift) -
	       (1u << HIST_SUB_BITS);
}

/* The largest value of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int shift = bucket >> HIST_SUB_BITS;
	uint64_t low = bucket & ((1u << HIST_SUB_BITS) - 1);

	if (shift == 0)
		return low;
	shift--;
	return ((low + (1u << HIST_SUB_BITS) + 1) << shift) - 1;
}

void hist_add(struct hist *hist, uint64_t value)
{
	hist->count++;
	hist->sum += value;
	if (value > hist->max)
		hist->max = value;
	hist->buckets[bucket_of(value)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (int i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t hist_share(const struct hist *hist, double share)
{
	double want = share * (double)hist->count;
	uint64_t seen = 0;

	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		seen += hist->buckets[i];
		if (hist->buckets[i] > 0 && (double)seen >= want)
			return value_of(i) < hist->max ? value_of(i)
						       : hist->max;
	}
	return hist->max;
}

void hist_print_us(const struct hist *hist, FILE *out)
{
	double n = hist->count > 0 ? (double)hist->count : 1;

	fprintf(out,
		"{\"count\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,"
		"\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
		(unsigned long long)hist->count, (double)hist->sum / n / 1e3,
		(double)hist_share(hist, 0.5) / 1e3,
		(double)hist_share(hist, 0.9) / 1e3,
		(double)hist_share(hist, 0.99) / 1e3,
		(double)hist_share(hist, 0.999) / 1e3, (double)hist->max / 1e3);
}
