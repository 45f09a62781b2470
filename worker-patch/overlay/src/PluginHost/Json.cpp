#define MS_CLASS "PluginHost::JsonWriter"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Json.hpp"
#include <charconv>
#include <cmath> // std::isfinite()

namespace PluginHost
{
	/* Static. */

	static constexpr std::string_view ReplacementCharacter{ "\xEF\xBF\xBD" };

	/**
	 * @return Bytes of the UTF-8 sequence that the text begins with, 0 if it begins with none (RFC 3629).
	 */
	static size_t sequenceLength(std::string_view text)
	{
		const auto lead = static_cast<uint8_t>(text[0]);
		size_t length{ 0 };
		uint8_t min{ 0x80 };
		uint8_t max{ 0xBF };

		if (lead < 0x80)
		{
			return 1;
		}
		else if (lead >= 0xC2 && lead <= 0xDF)
		{
			length = 2;
		}
		else if (lead >= 0xE0 && lead <= 0xEF)
		{
			length = 3;
			// Neither overlong nor a surrogate.
			min = lead == 0xE0 ? 0xA0 : 0x80;
			max = lead == 0xED ? 0x9F : 0xBF;
		}
		else if (lead >= 0xF0 && lead <= 0xF4)
		{
			length = 4;
			// Neither overlong nor beyond U+10FFFF.
			min = lead == 0xF0 ? 0x90 : 0x80;
			max = lead == 0xF4 ? 0x8F : 0xBF;
		}
		else
		{
			return 0;
		}

		if (text.size() < length)
		{
			return 0;
		}

		for (size_t i{ 1 }; i < length; ++i)
		{
			const auto byte = static_cast<uint8_t>(text[i]);

			if (byte < min || byte > max)
			{
				return 0;
			}

			min = 0x80;
			max = 0xBF;
		}

		return length;
	}

	template<typename Value>
	static void appendNumber(std::string& text, Value value)
	{
		// Longer than any 64-bit integer and any shortest form of a double.
		char digits[32];

		const auto result = std::to_chars(std::begin(digits), std::end(digits), value);

		text.append(digits, result.ptr);
	}

	/* Instance methods. */

	JsonWriter& JsonWriter::BeginObject()
	{
		Separate();
		this->text += '{';
		this->isCommaDue = false;

		return *this;
	}

	JsonWriter& JsonWriter::EndObject()
	{
		this->text += '}';
		this->isCommaDue = true;

		return *this;
	}

	JsonWriter& JsonWriter::BeginArray()
	{
		Separate();
		this->text += '[';
		this->isCommaDue = false;

		return *this;
	}

	JsonWriter& JsonWriter::EndArray()
	{
		this->text += ']';
		this->isCommaDue = true;

		return *this;
	}

	JsonWriter& JsonWriter::Key(std::string_view name)
	{
		Separate();
		Quote(name);
		this->text += ':';
		this->isCommaDue = false;

		return *this;
	}

	JsonWriter& JsonWriter::String(std::string_view value)
	{
		Separate();
		Quote(value);

		return *this;
	}

	JsonWriter& JsonWriter::Integer(int64_t value)
	{
		Separate();
		appendNumber(this->text, value);

		return *this;
	}

	JsonWriter& JsonWriter::Unsigned(uint64_t value)
	{
		Separate();
		appendNumber(this->text, value);

		return *this;
	}

	JsonWriter& JsonWriter::Double(double value)
	{
		if (!std::isfinite(value))
		{
			return Null();
		}

		Separate();
		appendNumber(this->text, value);

		return *this;
	}

	JsonWriter& JsonWriter::Boolean(bool value)
	{
		Separate();
		this->text += value ? "true" : "false";

		return *this;
	}

	JsonWriter& JsonWriter::Null()
	{
		Separate();
		this->text += "null";

		return *this;
	}

	void JsonWriter::Separate()
	{
		if (this->isCommaDue)
		{
			this->text += ',';
		}

		this->isCommaDue = true;
	}

	void JsonWriter::Quote(std::string_view value)
	{
		static constexpr const char* Hex{ "0123456789abcdef" };

		this->text += '"';

		while (!value.empty())
		{
			const auto byte   = static_cast<uint8_t>(value[0]);
			const auto length = sequenceLength(value);

			if (length == 0)
			{
				this->text += ReplacementCharacter;
				value.remove_prefix(1);

				continue;
			}

			if (byte == '"' || byte == '\\')
			{
				this->text += '\\';
				this->text += value[0];
			}
			else if (byte < 0x20)
			{
				this->text += "\\u00";
				this->text += Hex[byte >> 4];
				this->text += Hex[byte & 0xf];
			}
			else
			{
				this->text += value.substr(0, length);
			}

			value.remove_prefix(length);
		}

		this->text += '"';
	}
} // namespace PluginHost
