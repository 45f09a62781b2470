#include "common.hpp"
#include "PluginHost/Json.hpp"
#include <catch2/catch_test_macros.hpp>
#include <cmath> // NAN, INFINITY
#include <limits>
#include <string>
#include <string_view>

using PluginHost::JsonWriter;

namespace
{
	constexpr std::string_view Replacement{ "\xEF\xBF\xBD" };

	std::string quoted(std::string_view value)
	{
		return JsonWriter().String(value).TakeText();
	}

	std::string inQuotes(std::string_view text)
	{
		return '"' + std::string(text) + '"';
	}
} // namespace

SCENARIO("JsonWriter", "[pluginhost][json]")
{
	SECTION("commas stand between values and members, and nowhere else")
	{
		JsonWriter json;

		json.BeginObject();
		json.Key("empty").BeginArray().EndArray();
		json.Key("list").BeginArray().Integer(-1).BeginObject().EndObject().Null().EndArray();
		json.Key("nested").BeginObject().Key("a").Boolean(true).Key("b").Boolean(false).EndObject();
		json.EndObject();

		REQUIRE(
		  json.GetText() == R"({"empty":[],"list":[-1,{},null],"nested":{"a":true,"b":false}})");
	}

	SECTION("numbers at the ends of their ranges are whole")
	{
		JsonWriter json;

		json.BeginArray();
		json.Integer(std::numeric_limits<int64_t>::min());
		json.Unsigned(std::numeric_limits<uint64_t>::max());
		json.Double(-std::numeric_limits<double>::denorm_min());
		json.Double(std::numeric_limits<double>::max());
		json.EndArray();

		REQUIRE(
		  json.GetText() ==
		  "[-9223372036854775808,18446744073709551615,-5e-324,1.7976931348623157e+308]");
	}

	SECTION("what is no number in JSON is null, with its comma")
	{
		JsonWriter json;

		json.BeginArray().Double(NAN).Double(INFINITY).Double(-INFINITY).Double(0.5).EndArray();

		REQUIRE(json.GetText() == "[null,null,null,0.5]");
	}

	SECTION("quotes, backslashes and control characters are escaped, in keys as well")
	{
		using namespace std::string_view_literals;

		REQUIRE(quoted("a\"b\\c") == R"("a\"b\\c")");
		REQUIRE(quoted("\0\x1f\n\x7f"sv) == "\"\\u0000\\u001f\\u000a\x7f\"");
		REQUIRE(JsonWriter().BeginObject().Key("\"\n").Null().EndObject().TakeText() == R"({"\"\u000a":null})");
	}

	SECTION("UTF-8 passes as it is")
	{
		for (const std::string_view text :
		     { "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF" })
		{
			REQUIRE(quoted(text) == inQuotes(text));
		}
	}

	SECTION("what is not UTF-8 becomes U+FFFD, one for each byte")
	{
		// A lone continuation, overlong forms, a surrogate, beyond U+10FFFF, and leads that never occur.
		for (const std::string_view text :
		     { "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF" })
		{
			std::string expected;

			for (size_t i{ 0 }; i < text.size(); ++i)
			{
				expected += Replacement;
			}

			REQUIRE(quoted(text) == inQuotes(expected));
		}
	}

	SECTION("a sequence that the text ends in the middle of is not read past its end")
	{
		for (const std::string_view whole : { "\xC2\x80", "\xE2\x82\xAC", "\xF0\x9F\x98\x80" })
		{
			for (size_t length{ 1 }; length < whole.size(); ++length)
			{
				// Of its own, so that AddressSanitizer sees what is read behind it.
				const std::string cut("x" + std::string(whole.substr(0, length)));

				REQUIRE(quoted(std::string_view(cut).substr(1)).size() == 2 + (length * Replacement.size()));
			}
		}
	}

	SECTION("a sequence that is broken does not take the next character with it")
	{
		REQUIRE(quoted("\xE2\x82\"") == inQuotes(std::string(Replacement) + std::string(Replacement) + "\\\""));
	}
}
