#include "PluginLibrary.hpp"

#include "Error.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <exception>

namespace mph::host {

namespace {

using Mph::Control::ErrorCode;

constexpr const char* EntryName = "mph_plugin_entry";
// The descriptor of the first release.
constexpr size_t MinDescriptorSize = offsetof(mph_plugin, on_restore);

// dlopen() would say much of this, too, but not what to do about it.
void CheckFile(const std::string& file) {
  struct stat status {};

  // A name without a slash would be looked for in the system's library folders.
  if (file.empty() || file.front() != '/') {
    throw Error(ErrorCode::PluginFile, "plugin file \"" + file + "\" is not an absolute path; give the whole path of the .so");
  }
  if (stat(file.c_str(), &status) != 0) {
    throw Error(ErrorCode::PluginFile, Error::System("plugin file " + file + " cannot be opened", errno).what() +
                                           std::string("; build the plugin, or correct the path"));
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::PluginFile, "plugin file " + file + " is not a regular file; give the path of the .so itself");
  }
  if (access(file.c_str(), R_OK) != 0) {
    throw Error(ErrorCode::PluginFile, Error::System("plugin file " + file + " cannot be read by the host", errno).what() +
                                           std::string("; change its permissions"));
  }
}

Error AbiError(const std::string& file, const std::string& what) { return {ErrorCode::PluginAbi, "plugin file " + file + " " + what}; }

void CheckDescriptor(const std::string& file, const mph_plugin* plugin) {
  const auto rebuild = std::string("; rebuild the plugin with the mph_plugin.h of this mediasoup-plugin-host");

  if (plugin == nullptr) {
    throw AbiError(file, std::string("returned NULL from ") + EntryName + "(); it must return its static descriptor");
  }
  // The version first: what else there is depends on it.
  if (plugin->abi_version != MPH_ABI_VERSION) {
    throw AbiError(file, "has ABI version " + std::to_string(plugin->abi_version) + ", this host speaks version " +
                             std::to_string(MPH_ABI_VERSION) + rebuild);
  }
  // A longer descriptor comes from a newer header with further fields, which this host does not know and need not.
  if (plugin->size < MinDescriptorSize) {
    throw AbiError(file, "has a descriptor of " + std::to_string(plugin->size) + " bytes, ABI version " + std::to_string(MPH_ABI_VERSION) +
                             " has at least " + std::to_string(MinDescriptorSize) + "; set its `size` to sizeof(mph_plugin)");
  }

  const auto require = [&](bool isThere, const char* field) {
    if (!isThere) {
      throw AbiError(file, std::string("has a descriptor without `") + field + "`, which every plugin must have");
    }
  };

  require(plugin->name != nullptr, "name");
  require(plugin->version != nullptr, "version");
  require(plugin->create != nullptr, "create");
  require(plugin->destroy != nullptr, "destroy");
}

}  // namespace

PluginLibrary::PluginLibrary(const std::string& file) : file_(file) {
  CheckFile(file);

  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);

  if (library == nullptr) {
    throw Error(ErrorCode::PluginFile, std::string("plugin file cannot be loaded: ") + dlerror() +
                                           "; it must be a shared object for this machine (cc -shared -fPIC), linked with all it needs");
  }

  const auto entry = reinterpret_cast<mph_plugin_entry_fn>(dlsym(library, EntryName));

  if (entry == nullptr) {
    throw AbiError(file, std::string("exports no ") + EntryName + "(); define it as mph_plugin.h declares it, with C linkage");
  }

  try {
    plugin_ = entry();
  } catch (const std::exception& error) {
    throw AbiError(file, std::string("threw in ") + EntryName + "(): " + error.what());
  }
  CheckDescriptor(file, plugin_);
}

}  // namespace mph::host
