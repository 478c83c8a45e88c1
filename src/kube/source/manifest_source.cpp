#include "kube/source/manifest_source.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/object_id_hash.hpp"
#include "kube/source/manifest_file.hpp"
#include "kube/source/watched_directory.hpp"
#include "os/read_file.hpp"

namespace kube {
namespace {

using ObjectPointer = std::shared_ptr<const core::Object>;

core::ObjectId id_of(const core::Object& object) {
  return {core::kind_of(object), core::name_of(object)};
}

struct File {
  std::vector<ManifestPart> parts;
  // The last good versions of objects that the file still defines badly, or may still define.
  std::vector<ManifestPart::Item> kept;
  std::optional<std::string> unreadable;
};

// A file's definition of an object.
struct Claim {
  const std::filesystem::path* path;
  std::uint32_t line;
  ObjectPointer object;

  [[nodiscard]] bool before(const Claim& other) const {
    return std::tie(*path, line) < std::tie(*other.path, other.line);
  }
};

// All definitions of one object, the one in effect first, and what take() last told of it.
struct Entry {
  std::vector<Claim> claims;
  ObjectPointer told;
};

class Manifests : public Source {
 public:
  explicit Manifests(ManifestOptions options)
      : directory_(std::move(options.directory), options.watch),
        decode_{options.max_ports_per_mapping, false, {}, options.kinds, false} {}

  [[nodiscard]] int wake_fd() const override { return directory_.wake_fd(); }
  core::ObjectChanges take() override;
  [[nodiscard]] bool synced() const override { return synced_; }
  [[nodiscard]] bool partial() const override { return directory_.looked() && !synced_; }
  [[nodiscard]] std::vector<Problem> problems() const override;
  [[nodiscard]] std::size_t ignored() const override;

 private:
  using Entries = std::unordered_map<core::ObjectId, Entry, HashId>;
  using Touched = std::set<Entries::value_type*>;

  void read(const FileChange& change, Touched& touched);
  void replace(const std::filesystem::path& path, File& file, std::vector<ManifestPart> parts,
               bool whole, Touched& touched);
  void claim(const std::filesystem::path& path, std::uint32_t line, const ObjectPointer& object,
             Touched& touched);
  void tell(Entries::value_type& entry, core::ObjectChanges& changes);

  Directory directory_;
  DecodeOptions decode_;
  std::map<std::filesystem::path, File> files_;
  Entries entries_;
  std::set<core::ObjectId> contested_;  // defined more than once
  bool synced_ = false;
};

core::ObjectChanges Manifests::take() {
  Touched touched;
  for (const FileChange& change : directory_.poll()) read(change, touched);
  core::ObjectChanges changes;
  for (auto* const entry : touched) tell(*entry, changes);
  const auto readable = [](const auto& file) { return !file.second.unreadable; };
  synced_ = synced_ || (directory_.listed() && std::ranges::all_of(files_, readable));
  return changes;
}

void Manifests::read(const FileChange& change, Touched& touched) {
  const auto found = files_.try_emplace(change.path).first;
  File& file = found->second;
  if (change.kind == FileChange::Kind::gone) {
    replace(found->first, file, {}, true, touched);
    files_.erase(found);
    return;
  }
  try {
    const std::string text = os::read_file(change.path);
    auto parts = read_manifest(change.path, text, decode_, file.parts);
    file.unreadable.reset();
    replace(found->first, file, std::move(parts), change.kind == FileChange::Kind::whole, touched);
  } catch (const core::Error& error) {
    file.unreadable = error.what();
    directory_.retry(change.path);
  }
}

// Gives up the file's claims and makes those of its new parts. What is no longer in it but may only
// be illegible keeps its claim.
void Manifests::replace(const std::filesystem::path& path, File& file,
                        std::vector<ManifestPart> parts, bool whole, Touched& touched) {
  std::vector<ManifestPart::Item> before = std::move(file.kept);
  for (const ManifestPart& part : file.parts) {
    for (const auto& item : part.items) before.push_back({part.line + item.line, item.object});
  }
  for (const auto& item : before) {
    auto& entry = *entries_.find(id_of(*item.object));
    std::erase_if(entry.second.claims, [&](const Claim& claim) { return claim.path == &path; });
    touched.insert(&entry);
  }
  file.parts = std::move(parts);
  file.kept.clear();
  bool keep_all = !whole;
  std::set<core::ObjectId> invalid;
  for (const ManifestPart& part : file.parts) {
    keep_all = keep_all || part.broken;
    for (const auto& item : part.items) claim(path, part.line + item.line, item.object, touched);
    for (const auto& note : part.notes) {
      if (note.invalid) invalid.insert(*note.invalid);
    }
  }
  for (const auto& item : before) {
    const core::ObjectId id = id_of(*item.object);
    const bool claimed = std::ranges::any_of(
        entries_.find(id)->second.claims, [&](const Claim& claim) { return claim.path == &path; });
    if (claimed || !(keep_all || invalid.contains(id))) continue;
    file.kept.push_back(item);
    claim(path, item.line, item.object, touched);
  }
}

void Manifests::claim(const std::filesystem::path& path, std::uint32_t line,
                      const ObjectPointer& object, Touched& touched) {
  auto& entry = *entries_.try_emplace(id_of(*object)).first;
  auto& claims = entry.second.claims;
  const Claim claim{&path, line, object};
  claims.insert(std::ranges::upper_bound(claims, claim, &Claim::before), claim);
  touched.insert(&entry);
}

void Manifests::tell(Entries::value_type& entry, core::ObjectChanges& changes) {
  auto& [id, state] = entry;
  if (state.claims.size() > 1) {
    contested_.insert(id);
  } else {
    contested_.erase(id);
  }
  const ObjectPointer now = state.claims.empty() ? nullptr : state.claims.front().object;
  const bool same = now == state.told || (now && state.told && *now == *state.told);
  state.told = now;
  if (!same) changes.emplace(id, now);
  if (!now) entries_.erase(id);
}

std::vector<Problem> Manifests::problems() const {
  struct Located {
    std::string path;
    std::uint32_t line;  // 0: the whole file
    std::string reason;

    auto operator<=>(const Located&) const = default;
  };
  std::vector<Located> located;
  for (const Problem& problem : directory_.problems()) {
    located.push_back({problem.where, 0, problem.reason});
  }
  for (const auto& [path, file] : files_) {
    if (file.unreadable) {
      located.push_back(
          {path, 0,
           *file.unreadable + (!file.parts.empty() ? "; what was read before stays in effect"
                               : synced_           ? ""
                                                   : "; nothing is taken away before it can be "
                                                     "read")});
    }
    for (const ManifestPart& part : file.parts) {
      for (const auto& note : part.notes) {
        const auto is_its = [&](const ManifestPart::Item& item) {
          return note.invalid == id_of(*item.object);
        };
        const bool stays = (note.invalid && std::ranges::any_of(file.kept, is_its)) ||
                           (!note.invalid && part.broken && !file.kept.empty());
        located.push_back({path, part.line + note.line,
                           note.text + (stays ? "; the last good version stays in effect" : "")});
      }
    }
  }
  for (const core::ObjectId& id : contested_) {
    const auto& claims = entries_.find(id)->second.claims;
    for (std::size_t i = 1; i < claims.size(); ++i) {
      located.push_back({*claims[i].path, claims[i].line,
                         core::to_string(id) + ": defined before in " +
                             claims.front().path->string() + ":" +
                             std::to_string(claims.front().line) + ", which counts; remove one"});
    }
  }
  std::ranges::sort(located);
  std::vector<Problem> problems;
  for (Located& problem : located) {
    if (problem.line > 0) problem.path += ":" + std::to_string(problem.line);
    problems.push_back({std::move(problem.path), std::move(problem.reason)});
  }
  return problems;
}

std::size_t Manifests::ignored() const {
  std::size_t count = 0;
  for (const auto& [path, file] : files_) {
    for (const ManifestPart& part : file.parts) count += part.ignored;
  }
  return count;
}

}  // namespace

std::unique_ptr<Source> open_manifests(ManifestOptions options) {
  return std::make_unique<Manifests>(std::move(options));
}

}  // namespace kube
