// Any bytes as a manifest: nothing crashes, and what is accepted can be written, read back equal,
// and edited without a change to its neighbours.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/fuzz.hpp"
#include "kube/decode/parse.hpp"
#include "kube/mapping/text.hpp"
#include "kube/source/manifest_file.hpp"

namespace {

using fuzz::require;

void check_cuts(std::string_view text) {
  std::string whole;
  for (const kube::Cut& cut : kube::cut_yaml(text)) whole += cut.text;
  require(whole == text);
}

void check_mapping(std::string_view path, std::string_view text, const kube::ManifestPart& part,
                   const kube::ManifestPart::Item& item) {
  const auto* const mapping = std::get_if<core::Mapping>(item.object.get());
  if (mapping == nullptr) return;
  require(kube::validated(*mapping, {}) == *mapping);
  core::Mapping changed = *mapping;
  changed.max_connections_per_source ^= 1;
  const bool json = path.ends_with(".json");
  const kube::MappingPlace place{&part, part.line + item.line};
  // The outcome is judged by who reads it again; here it only must not crash.
  const auto edited = json ? kube::edit_json(text, *mapping, changed)
                           : kube::edit_yaml(text, place, *mapping, changed);
  if (edited) kube::read_manifest(path, *edited, {});
  json ? kube::remove_json(text, mapping->name) : kube::remove_yaml(text, place);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Input(data, size).text();
  check_cuts(text);
  for (const std::string_view path : {"f.yaml", "f.json"}) {
    const auto parts = kube::read_manifest(path, text, {});
    for (const kube::ManifestPart& part : parts) {
      for (const auto& item : part.items) check_mapping(path, text, part, item);
    }
    require(kube::read_manifest(path, text, {}, parts).size() == parts.size());
  }
  return 0;
}
