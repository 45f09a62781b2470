// A plugin's shared object: loaded, its entry found, its descriptor checked. Whoever holds one can call the plugin.
#pragma once

#include "PluginCode.hpp"

#include <string>

namespace mph::host {

class PluginLibrary : public PluginCode {
 public:
  // Throws Error: PluginFile if the file cannot be loaded, PluginAbi if what it exports is not a plugin of this ABI.
  explicit PluginLibrary(const std::string& file);

  // The code stays loaded until the process ends: threads that a plugin forgot and destructors of its thread-locals may need it
  // after the last instance is gone.
  ~PluginLibrary() override = default;

  PluginLibrary(const PluginLibrary&) = delete;
  PluginLibrary& operator=(const PluginLibrary&) = delete;

  const std::string& File() const override { return file_; }
  const mph_plugin& Plugin() const override { return *plugin_; }

 private:
  const std::string file_;
  const mph_plugin* plugin_{nullptr};
};

}  // namespace mph::host
