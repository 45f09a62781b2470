#ifndef MS_PLUGIN_HOST_JSON_HPP
#define MS_PLUGIN_HOST_JSON_HPP

#include "common.hpp"
#include <string>
#include <string_view>

namespace PluginHost
{
	/**
	 * Writes JSON text, for what hosts are told that has no fixed shape. Commas are its business, that what is opened is closed
	 * the caller's.
	 */
	class JsonWriter
	{
	public:
		JsonWriter& BeginObject();
		JsonWriter& EndObject();
		JsonWriter& BeginArray();
		JsonWriter& EndArray();
		/**
		 * Its value comes next.
		 */
		JsonWriter& Key(std::string_view name);
		/**
		 * What is not UTF-8 becomes U+FFFD.
		 */
		JsonWriter& String(std::string_view value);
		JsonWriter& Integer(int64_t value);
		JsonWriter& Unsigned(uint64_t value);
		/**
		 * null if it is not finite.
		 */
		JsonWriter& Double(double value);
		JsonWriter& Boolean(bool value);
		JsonWriter& Null();
		const std::string& GetText() const
		{
			return this->text;
		}
		std::string TakeText()
		{
			return std::move(this->text);
		}

	private:
		/**
		 * The comma before a value or a key, if one is due.
		 */
		void Separate();
		void Quote(std::string_view value);

	private:
		std::string text;
		bool isCommaDue{ false };
	};
} // namespace PluginHost

#endif
