#include "common.hpp"
#include "PluginHost/ReadyRings.hpp"
#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <stdexcept>
#include <vector>

using PluginHost::ReadyRings;

namespace
{
	struct Rings
	{
		explicit Rings(uint32_t count) : records(count, 0)
		{
			for (uint32_t ring{ 0 }; ring < count; ++ring)
			{
				this->ready.Add(ring);
			}
		}

		bool DrainUpTo(size_t max)
		{
			this->visited.clear();

			return this->ready.DrainUpTo(
			  max,
			  [this](uint32_t ring, size_t left)
			  {
				  const auto taken = std::min(left, this->records[ring]);

				  this->visited.push_back(ring);
				  this->records[ring] -= taken;

				  return taken;
			  });
		}

		size_t CountRecords() const
		{
			return std::accumulate(this->records.begin(), this->records.end(), size_t{ 0 });
		}

		ReadyRings ready;
		std::vector<size_t> records;
		std::vector<uint32_t> visited;
	};

	using Visited = std::vector<uint32_t>;
} // namespace

SCENARIO("ReadyRings", "[pluginhost][readyrings]")
{
	SECTION("rings are drained in the order in which they were marked, each once")
	{
		Rings rings(4);

		for (const uint32_t ring : { 2, 0, 2, 3, 0 })
		{
			rings.ready.Mark(ring);
			rings.records[ring] = 5;
		}

		REQUIRE(!rings.DrainUpTo(100));
		REQUIRE(rings.visited == Visited{ 2, 0, 3 });
		REQUIRE(rings.CountRecords() == 0);
		REQUIRE(rings.ready.IsEmpty());
	}

	SECTION("a thousand rings are drained of no more than one is")
	{
		Rings rings(1000);

		for (uint32_t ring{ 0 }; ring < 1000; ++ring)
		{
			rings.ready.Mark(ring);
			rings.records[ring] = 1000;
		}

		REQUIRE(rings.DrainUpTo(2048));
		REQUIRE(rings.CountRecords() == 1000 * 1000 - 2048);
		REQUIRE(rings.visited == Visited{ 0, 1, 2 });
	}

	SECTION("a ring that never ends does not keep the others waiting")
	{
		Rings rings(3);

		for (uint32_t ring{ 0 }; ring < 3; ++ring)
		{
			rings.ready.Mark(ring);
		}

		rings.records = { 1000000, 10, 10 };

		REQUIRE(rings.DrainUpTo(100));
		REQUIRE(rings.visited == Visited{ 0 });
		REQUIRE(rings.DrainUpTo(100));
		REQUIRE(rings.visited == Visited{ 1, 2, 0 });
		REQUIRE(rings.records == std::vector<size_t>{ 1000000 - 180, 0, 0 });
		REQUIRE(rings.DrainUpTo(100));
		REQUIRE(rings.visited == Visited{ 0 });
	}

	SECTION("one that had exactly what was left may have more")
	{
		Rings rings(1);

		rings.ready.Mark(0);
		rings.records[0] = 100;

		REQUIRE(rings.DrainUpTo(100));
		REQUIRE(!rings.DrainUpTo(100));
	}

	SECTION("a ring whose draining throws is taken out, and those after it stay")
	{
		Rings rings(3);

		for (uint32_t ring{ 0 }; ring < 3; ++ring)
		{
			rings.ready.Mark(ring);
			rings.records[ring] = 1;
		}

		REQUIRE_THROWS_AS(
		  rings.ready.DrainUpTo(
		    10,
		    [](uint32_t ring, size_t) -> size_t
		    {
			    if (ring == 1)
			    {
				    throw std::runtime_error("no");
			    }

			    return 1;
		    }),
		  std::runtime_error);

		REQUIRE(!rings.DrainUpTo(10));
		REQUIRE(rings.visited == Visited{ 2 });
	}
}
