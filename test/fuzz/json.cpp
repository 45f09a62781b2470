// JsonWriter: whatever bytes it is given as a string or key, what it writes is JSON in UTF-8, and says what was given.

#include "FuzzInput.hpp"

#include "PluginHost/Json.hpp"

#include <nlohmann/json.hpp>
#include <cmath>
#include <limits>

namespace {

using mph::fuzz::FuzzInput;
using mph::fuzz::Require;
using nlohmann::json;

// One value, and what it has to be when it is read again. Null where only the shape is known, of text that is no UTF-8.
json WriteValue(PluginHost::JsonWriter& writer, FuzzInput& input, int depth) {
  switch (input.Take<uint8_t>() % 9) {
    case 0: {
      json array = json::array();

      writer.BeginArray();
      for (auto count = input.TakeBelow(depth < 4 ? 4 : 1); count > 0; --count) {
        array.push_back(WriteValue(writer, input, depth + 1));
      }
      writer.EndArray();

      return array;
    }
    case 1: {
      json object = json::object();

      writer.BeginObject();
      for (auto count = input.TakeBelow(depth < 4 ? 4 : 1); count > 0; --count) {
        // Keys are ours; a parser keeps one of two that are alike.
        const auto key = std::to_string(object.size()) + "\"\\\n";

        writer.Key(key);
        object[key] = WriteValue(writer, input, depth + 1);
      }
      writer.EndObject();

      return object;
    }
    case 2: {
      const auto number = input.Take<int64_t>();

      writer.Integer(number);

      return number;
    }
    case 3: {
      const auto number = input.Take<uint64_t>();

      writer.Unsigned(number);

      return number;
    }
    case 4: {
      double number = 0;

      input.CopyTo(&number, sizeof number);
      writer.Double(number);

      return std::isfinite(number) ? json(number) : json();
    }
    case 5: {
      const bool value = input.TakeBool();

      writer.Boolean(value);

      return value;
    }
    case 6:
      writer.Null();

      return nullptr;
    default: {
      const auto text = input.TakeString(40);

      writer.String(text);

      // What the other library takes for UTF-8 stays as it is; what it replaces, it replaces as often as RFC 3629 allows, which is not
      // always as often as we do.
      try {
        return json::parse(json(text).dump());
      } catch (const json::type_error&) {
        return json("\xEF\xBF\xBD");
      }
    }
  }
}

bool IsSame(const json& found, const json& wanted) {
  if (found.is_number() && wanted.is_number()) {
    // 1.0 may be written as 1.
    return wanted.is_number_float() ? found.get<double>() == wanted.get<double>() : found == wanted;
  }
  if (found.type() != wanted.type() || found.size() != wanted.size()) {
    return false;
  }
  if (found.is_array()) {
    return std::equal(found.begin(), found.end(), wanted.begin(), IsSame);
  }
  if (found.is_object()) {
    return std::all_of(found.items().begin(), found.items().end(),
                       [&](const auto& item) { return wanted.contains(item.key()) && IsSame(item.value(), wanted[item.key()]); });
  }
  if (wanted.is_string() && wanted == "\xEF\xBF\xBD") {
    return found.template get<std::string>().find("\xEF\xBF\xBD") != std::string::npos;
  }

  return found == wanted;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  PluginHost::JsonWriter writer;
  const auto wanted = WriteValue(writer, input, 0);
  const auto found = json::parse(writer.GetText(), nullptr, false);

  Require(!found.is_discarded(), "JsonWriter wrote what is no JSON");
  Require(IsSame(found, wanted), "JsonWriter wrote another value than it was given");

  return 0;
}
