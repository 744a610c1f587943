// SPDX-License-Identifier: Apache-2.0
#include "host/loader.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>

namespace nek {
namespace {

// Up to and with `destroy`: what ABI 1 began with.
constexpr size_t kLeastPlugin = offsetof(nek_plugin, destroy) + sizeof(nek_plugin::destroy);

bool has_text(const char* text) { return text && *text; }

// Of what the headers promise some is not there, as in the middle of a copy: dlopen() would map it,
// and whoever touches it would be killed.
bool is_cut_short(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  const auto read = [&](uint64_t at, auto& to) {
    file.seekg(static_cast<std::streamoff>(at));
    return static_cast<bool>(file.read(reinterpret_cast<char*>(&to), sizeof to));
  };
  const auto inside = [size](uint64_t begin, uint64_t bytes) {
    return begin <= size && bytes <= size - begin;
  };
  ElfW(Ehdr) head;
  if (!read(0, head.e_ident) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32))
    return false;  // dlopen() says it better
  if (!read(0, head)) return true;
  if (!inside(head.e_shoff, uint64_t{head.e_shnum} * head.e_shentsize)) return true;
  for (uint64_t i = 0; i < head.e_phnum; i++) {
    ElfW(Phdr) part;
    if (!read(head.e_phoff + i * head.e_phentsize, part)) return true;
    if (!inside(part.p_offset, part.p_filesz)) return true;
  }
  return false;
}

}  // namespace

std::string describe_defect(const nek_plugin& plugin) {
  if (plugin.size < kLeastPlugin) return "its description is too short";
  if (!has_text(plugin.name)) return "it has a plugin without a name";
  const std::string name = std::string("plugin '") + plugin.name + "' ";
  if (!plugin.version || !plugin.vendor || !plugin.licence || !plugin.summary)
    return name + "lacks its version, vendor, licence or summary";
  if (!plugin.options) return name + "lacks its table of options";
  const int kinds =
      !!plugin.input + !!plugin.decoder + !!plugin.filter + !!plugin.encoder + !!plugin.output;
  if (kinds != 1) return name + "must be exactly one of input, decoder, filter, encoder, output";
  if (!plugin.create || !plugin.shape || !plugin.destroy)
    return name + "lacks create, shape or destroy";
  if (plugin.input && !plugin.input->read) return name + "lacks read";
  if (plugin.decoder && !plugin.decoder->decode) return name + "lacks decode";
  if (plugin.filter && !plugin.filter->process) return name + "lacks process";
  if (plugin.encoder && !plugin.encoder->encode) return name + "lacks encode";
  if (plugin.output && !plugin.output->write == !plugin.output->send)
    return name + "must have exactly one of write and send";
  return {};
}

Result<std::vector<const nek_plugin*>> load_plugins(const std::string& path) {
  // An absolute or relative path with a slash: dlopen would search system folders for a bare name.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  if (::access(file.c_str(), R_OK) == 0 && is_cut_short(file))
    return fail(path + " is cut short: copy or build it again");
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* why = ::dlerror();
    return fail("cannot load " + path + ": " + (why ? why : "unknown reason"));
  }
  const auto* entry = static_cast<const nek_entry*>(::dlsym(handle, "nek_plugin_entry"));
  if (!entry) return fail(path + " is not a nek plugin: it has no symbol nek_plugin_entry");
  if (entry->abi != NEK_ABI) {
    return fail(path + " is built for plugin ABI " + std::to_string(entry->abi) +
                ", this nek has ABI " + std::to_string(NEK_ABI) +
                ": build the plugin against this nek's plugin.h, or use the other nek");
  }
  if (!NEK_HAS(entry, get_factory) || !entry->get_factory)
    return fail(path + " is a damaged plugin: its entry has no get_factory");
  const auto* list = static_cast<const nek_plugin* const*>(entry->get_factory(NEK_PLUGINS));
  if (!list || !*list) return fail(path + " offers no plugins under " NEK_PLUGINS);
  std::vector<const nek_plugin*> plugins;
  for (; *list; list++) {
    const std::string defect = describe_defect(**list);
    if (!defect.empty()) return fail(path + " is a damaged plugin: " + defect);
    plugins.push_back(*list);
  }
  return plugins;
}

}  // namespace nek
