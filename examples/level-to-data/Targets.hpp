// Which data producers' data consumers get the levels: those that the config or an attachment's context names, by id or by label.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

class Targets {
 public:
  // Takes {"dataProducer": id} or {"label": text}, or both. Throws std::exception when what these fields have is no text.
  void Want(const nlohmann::json& names) {
    for (const auto& [field, wanted] : {std::pair{"dataProducer", &ids_}, std::pair{"label", &labels_}}) {
      if (names.is_object() && names.contains(field)) {
        if (!names[field].is_string()) {
          throw std::invalid_argument(std::string(field) + " must be a text, not " + names[field].dump());
        }
        wanted->insert(names[field].get<std::string>());
      }
    }
  }

  // `parameters`: JSON text that has its label.
  void Add(uint32_t router, uint32_t dataProducer, const std::string& id, std::string_view parameters) {
    const auto json = nlohmann::json::parse(parameters, nullptr, false);
    const bool hasLabel = json.is_object() && json.contains("label") && json["label"].is_string();

    if (ids_.contains(id) || (hasLabel && labels_.contains(json["label"].get<std::string>()))) {
      routers_[router].insert(dataProducer);
    }
  }

  void Remove(uint32_t router, uint32_t dataProducer) { routers_[router].erase(dataProducer); }
  void RemoveRouter(uint32_t router) { routers_.erase(router); }

  std::vector<uint32_t> Of(uint32_t router) const {
    const auto found = routers_.find(router);

    return found == routers_.end() ? std::vector<uint32_t>() : std::vector<uint32_t>(found->second.begin(), found->second.end());
  }

 private:
  std::set<std::string> ids_;
  std::set<std::string> labels_;
  std::map<uint32_t, std::set<uint32_t>> routers_;
};
