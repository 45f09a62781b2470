// Code that is a script: what the core takes for a plugin's descriptor, and leads to the JavaScript of the thread that an instance is of.
#pragma once

#include "PluginCode.hpp"

#include <mutex>
#include <string>

namespace mph::addon {

class ScriptCode : public host::PluginCode {
 public:
  explicit ScriptCode(std::string file);

  const std::string& File() const override { return file_; }
  const mph_plugin& Plugin() const override { return descriptor_; }

  // Of an instance of ours.
  static const ScriptCode& Of(const mph_plugin& plugin) { return *static_cast<const Descriptor&>(plugin).code; }

  // What the first instance says of itself; before that the file's name stands for it. [instance thread]
  void SetIdentity(const std::string& name, const std::string& version) const;

 private:
  struct Descriptor : mph_plugin {
    const ScriptCode* code{nullptr};
  };

  const std::string file_;
  mutable std::once_flag isIdentified_;
  // Where the descriptor points to. Read by the main thread when it has heard of an instance, which comes after.
  mutable std::string name_;
  mutable std::string version_;
  mutable Descriptor descriptor_;
};

}  // namespace mph::addon
