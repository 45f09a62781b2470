#include "common.hpp"
#include "PluginHost/HoldHistogram.hpp"
#include <catch2/catch_test_macros.hpp>
#include <limits>

using PluginHost::HoldHistogram;

SCENARIO("HoldHistogram", "[pluginhost][holdhistogram]")
{
	SECTION("buckets touch one another: none is left out, none is gone back to")
	{
		size_t last{ HoldHistogram::BucketOf(0) };

		REQUIRE(last == 0);

		for (uint64_t ns{ 1 }; ns < (1u << 16); ++ns)
		{
			const auto bucket = HoldHistogram::BucketOf(ns);

			REQUIRE((bucket == last || bucket == last + 1));

			last = bucket;
		}
	}

	SECTION("a bucket is at most an eighth as wide as what it begins with")
	{
		// As docs/control-protocol.md has it, which the library reads percentiles by.
		for (unsigned exponent{ 3 }; exponent < 33; ++exponent)
		{
			for (uint64_t eighth{ 0 }; eighth < 8; ++eighth)
			{
				const uint64_t first = (8 + eighth) << (exponent - 3);
				const uint64_t last  = first + (uint64_t{ 1 } << (exponent - 3)) - 1;
				const size_t bucket  = (8 * (exponent - 2)) + eighth;

				REQUIRE(HoldHistogram::BucketOf(first) == bucket);
				REQUIRE(HoldHistogram::BucketOf(last) == bucket);
			}
		}
	}

	SECTION("whatever is too long for the last bucket is in the last bucket")
	{
		REQUIRE(
		  HoldHistogram::BucketOf(std::numeric_limits<uint64_t>::max()) == HoldHistogram::Buckets - 1);
	}

	SECTION("the counts end with the last one that is not zero")
	{
		HoldHistogram histogram;

		REQUIRE(histogram.GetTrimmedCounts().empty());

		histogram.Add(0);
		histogram.Add(9);
		histogram.Add(9);

		const std::vector<uint64_t> expected{ 1, 0, 0, 0, 0, 0, 0, 0, 0, 2 };

		REQUIRE(histogram.GetTrimmedCounts() == expected);
		REQUIRE(histogram.GetSumNs() == 18);

		histogram.Add(std::numeric_limits<uint32_t>::max() * uint64_t{ 1000 });

		REQUIRE(histogram.GetTrimmedCounts().size() <= HoldHistogram::Buckets);
	}
}
