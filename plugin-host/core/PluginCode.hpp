// Code that makes instances of a plugin, whatever it is written in.
#pragma once

#include "mph_plugin.h"

#include <string>

namespace mph::host {

class PluginCode {
 public:
  virtual ~PluginCode() = default;

  virtual const std::string& File() const = 0;
  // Checked; it stays as it is while the process lives.
  virtual const mph_plugin& Plugin() const = 0;
};

}  // namespace mph::host
