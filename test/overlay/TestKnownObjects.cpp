#include "common.hpp"
#include "PluginHost/KnownObjects.hpp"
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <vector>

using PluginHost::KnownObjects;
using PluginHost::ObjectInfo;

namespace
{
	std::shared_ptr<const ObjectInfo> makeInfo(uint32_t number)
	{
		auto info = std::make_shared<ObjectInfo>();

		info->number = number;

		return info;
	}

	std::vector<uint32_t> numbersOf(const KnownObjects& objects)
	{
		std::vector<uint32_t> numbers;

		objects.ForEach(
		  [&numbers](const ObjectInfo& info)
		  {
			  numbers.push_back(info.number);
		  });

		return numbers;
	}
} // namespace

SCENARIO("KnownObjects", "[pluginhost][knownobjects]")
{
	KnownObjects objects;

	SECTION("what is open is told of once, in the order of numbers, whenever it was opened")
	{
		REQUIRE(objects.Open(makeInfo(3)));
		REQUIRE(objects.Open(makeInfo(1)));
		REQUIRE(!objects.Open(makeInfo(3)));
		REQUIRE(numbersOf(objects) == std::vector<uint32_t>{ 1, 3 });
		REQUIRE(objects.IsOpen(1));
		REQUIRE(!objects.IsOpen(2));
	}

	SECTION("what closed is known until the record of that is read, and not one byte longer")
	{
		objects.Open(makeInfo(1));
		objects.Close(1, 1000);

		REQUIRE(!objects.IsOpen(1));

		objects.Forget(999);

		REQUIRE(numbersOf(objects) == std::vector<uint32_t>{ 1 });

		objects.Forget(1000);

		REQUIRE(numbersOf(objects).empty());
	}

	SECTION("what is opened again while its close is unread stays")
	{
		objects.Open(makeInfo(1));
		objects.Close(1, 1000);

		REQUIRE(objects.Open(makeInfo(1)));

		objects.Forget(1000);

		REQUIRE(objects.IsOpen(1));
		REQUIRE(numbersOf(objects) == std::vector<uint32_t>{ 1 });
	}

	SECTION("what is opened again and closed again is known until the second close is read")
	{
		objects.Open(makeInfo(1));
		objects.Close(1, 1000);
		objects.Open(makeInfo(1));
		objects.Close(1, 2000);
		objects.Forget(1500);

		REQUIRE(numbersOf(objects) == std::vector<uint32_t>{ 1 });

		objects.Forget(2000);

		REQUIRE(numbersOf(objects).empty());
	}

	SECTION("to close what is not open, or closed already, means nothing")
	{
		objects.Close(7, 1000);
		objects.Open(makeInfo(1));
		objects.Close(1, 1000);
		objects.Close(1, 5000);
		objects.Forget(1000);

		REQUIRE(numbersOf(objects).empty());
	}

	SECTION("the open ones, the youngest first")
	{
		for (const uint32_t number : { 1, 2, 3, 4 })
		{
			objects.Open(makeInfo(number));
		}

		objects.Close(3, 1000);

		const auto open = objects.GetOpenYoungestFirst();

		REQUIRE(open.size() == 3);
		REQUIRE(open[0]->number == 4);
		REQUIRE(open[1]->number == 2);
		REQUIRE(open[2]->number == 1);
	}
}
