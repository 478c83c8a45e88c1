#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kube/decode/utf16.hpp"
#include "kube/mapping/store.hpp"
#include "kube/mapping/text.hpp"
#include "kube/source/manifest_file.hpp"
#include "kube/source/watched_directory.hpp"
#include "os/fd.hpp"
#include "os/read_file.hpp"
#include "os/write_file.hpp"

namespace kube {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& message) {
  throw core::Error(core::Error::Kind::permanent, message);
}

struct File {
  std::string text;
  std::vector<ManifestPart> parts;
};

// Where the Mapping in effect is defined.
struct Found {
  const fs::path* path = nullptr;
  const File* file = nullptr;
  MappingPlace place;
  const core::Mapping* mapping = nullptr;
};

// Places in the text are bytes of UTF-8.
void require_utf8(const fs::path& path, std::string_view text) {
  if (!is_utf16(text)) return;
  throw core::Error(core::Error::Kind::permanent,
                    path.string() +
                        " is saved in UTF-16, which is read but not edited: save it as "
                        "UTF-8 first");
}

bool is_json(const fs::path& path) { return path.extension() == ".json"; }

// Every object of a file but one, for "the rest is as it was".
std::vector<std::shared_ptr<const core::Object>> others(const std::vector<ManifestPart>& parts,
                                                        const core::ObjectId& but) {
  std::vector<std::shared_ptr<const core::Object>> objects;
  for (const ManifestPart& part : parts) {
    for (const auto& item : part.items) {
      if (core::ObjectId{core::kind_of(*item.object), core::name_of(*item.object)} != but) {
        objects.push_back(item.object);
      }
    }
  }
  return objects;
}

const core::Mapping* find_mapping(const std::vector<ManifestPart>& parts,
                                  const core::ObjectName& name) {
  for (const ManifestPart& part : parts) {
    for (const auto& item : part.items) {
      const auto* const mapping = std::get_if<core::Mapping>(item.object.get());
      if (mapping != nullptr && mapping->name == name) return mapping;
    }
  }
  return nullptr;
}

class ManifestStore : public MappingStore {
 public:
  explicit ManifestStore(ManifestStoreOptions options)
      : options_(std::move(options)), directory_(fs::absolute(options_.directory)) {}

  [[nodiscard]] std::string place() const override { return options_.directory.string(); }
  [[nodiscard]] std::string usual_namespace() const override { return {}; }
  void lock() override;
  StoredObjects list(const std::string& ns) override;
  StoredObjects find(const core::ObjectName&) override { return list({}); }
  std::optional<bool> has_service(const core::ObjectName& name) override;
  StoreChange put(const core::Mapping& mapping, const StoredMapping* before, bool dry_run) override;
  StoreChange remove(const core::ObjectName& name, bool dry_run) override;

 private:
  void load();
  [[nodiscard]] std::optional<Found> locate(const core::ObjectName& name) const;
  [[nodiscard]] std::string document_of(const fs::path& path, std::string_view text,
                                        const core::Mapping& mapping) const;
  StoreChange create(const core::Mapping& mapping, bool dry_run);
  StoreChange change(const Found& found, const core::Mapping& mapping, bool dry_run);
  void check(const fs::path& path, std::string_view text, const File* before,
             const core::ObjectId& id, const core::Mapping* wanted) const;
  void write(const fs::path& path, const File* before, std::string_view text) const;

  ManifestStoreOptions options_;
  fs::path directory_;
  os::Fd lock_;
  std::map<fs::path, File> files_;
  std::vector<Problem> problems_;
};

void ManifestStore::lock() {
  lock_ = os::Fd(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock_.get() < 0 && errno == ENOENT) return;  // put() makes it, and comes back
  if (lock_.get() < 0 || flock(lock_.get(), LOCK_EX) != 0) {
    fail("cannot lock " + directory_.string() + ": " + std::strerror(errno));
  }
}

void ManifestStore::load() {
  files_.clear();
  problems_.clear();
  if (!fs::is_directory(directory_)) return;  // the first Mapping makes it
  Directory directory(directory_);
  const auto changes = directory.poll();
  problems_ = directory.problems();
  for (const FileChange& change : changes) {
    try {
      File file{os::read_file(change.path), {}};
      file.parts = read_manifest(change.path, file.text, options_.decode);
      files_.emplace(change.path, std::move(file));
    } catch (const core::Error& error) {
      problems_.push_back({change.path.string(), error.what()});
    }
  }
}

StoredObjects ManifestStore::list(const std::string& ns) {
  load();
  StoredObjects objects;
  objects.problems = problems_;
  std::map<core::ObjectId, std::string> defined;
  for (const auto& [path, file] : files_) {
    for (const ManifestPart& part : file.parts) {
      const auto where = [&, &file_path = path](std::uint32_t line) {
        return file_path.string() + ":" + std::to_string(part.line + line);
      };
      for (const auto& note : part.notes) {
        objects.problems.push_back({where(note.line), note.text});
        if (note.invalid && note.invalid->kind == core::Kind::mapping) {
          objects.left_out.insert(note.invalid->name);
        }
      }
      for (const auto& item : part.items) {
        const core::ObjectId id{core::kind_of(*item.object), core::name_of(*item.object)};
        const auto [first, is_first] = defined.emplace(id, where(item.line));
        if (!is_first) {
          objects.problems.push_back({where(item.line), core::to_string(id) +
                                                            ": defined before in " + first->second +
                                                            ", which counts; remove one"});
        } else if (const auto* mapping = std::get_if<core::Mapping>(item.object.get())) {
          if (!ns.empty() && id.name.ns != ns) continue;
          objects.mappings.push_back({*mapping, where(item.line), nullptr});
        }
      }
    }
  }
  std::ranges::sort(objects.mappings, {},
                    [](const StoredMapping& stored) { return stored.mapping.name; });
  for (const StoredMapping& stored : objects.mappings) objects.left_out.erase(stored.mapping.name);
  return objects;
}

std::optional<bool> ManifestStore::has_service(const core::ObjectName& name) {
  const core::ObjectId wanted{core::Kind::service, name};
  for (const auto& [path, file] : files_) {
    for (const ManifestPart& part : file.parts) {
      for (const auto& item : part.items) {
        if (core::ObjectId{core::kind_of(*item.object), core::name_of(*item.object)} == wanted) {
          return true;
        }
      }
    }
  }
  return false;
}

std::optional<Found> ManifestStore::locate(const core::ObjectName& name) const {
  for (const auto& [path, file] : files_) {
    for (const ManifestPart& part : file.parts) {
      for (const auto& item : part.items) {
        const auto* const mapping = std::get_if<core::Mapping>(item.object.get());
        if (mapping == nullptr || mapping->name != name) continue;
        return Found{&path, &file, {&part, part.line + item.line}, mapping};
      }
    }
  }
  return std::nullopt;
}

// The files as they are now count, not what was found before.
StoreChange ManifestStore::put(const core::Mapping& mapping, const StoredMapping*, bool dry_run) {
  if (!dry_run && lock_.get() < 0) lock();
  load();
  const auto found = locate(mapping.name);
  return found ? change(*found, mapping, dry_run) : create(mapping, dry_run);
}

StoreChange ManifestStore::create(const core::Mapping& mapping, bool dry_run) {
  // "_" is in no Kubernetes name: two Mappings never want one file.
  fs::path path = options_.new_file.empty()
                      ? fs::path(mapping.name.ns + "_" + mapping.name.name + ".yaml")
                      : options_.new_file;
  path = (directory_ / path).lexically_normal();
  const fs::path relative = path.lexically_relative(directory_.lexically_normal());
  const bool hidden = std::ranges::any_of(
      relative, [](const fs::path& name) { return name.string().starts_with('.'); });
  if (relative.empty() || hidden || !is_manifest_name(path.filename().string()) || is_json(path)) {
    throw core::Error(core::Error::Kind::usage,
                      path.string() + " cannot hold a new Mapping: name a .yaml file in " +
                          directory_.string() + " that is not hidden");
  }
  const auto existing = files_.find(path);
  const File* const file = existing == files_.end() ? nullptr : &existing->second;
  std::error_code ignored;
  if (file == nullptr && fs::exists(path, ignored)) fail(path.string() + " cannot be read");
  const std::string manifest = mapping_yaml(mapping);
  std::string text = file == nullptr ? "" : file->text;
  require_utf8(path, text);
  if (text.find_first_not_of(" \t\r\n") != std::string::npos) {
    if (text.back() != '\n') text += '\n';
    text += "---\n";
  }
  text += manifest;
  check(path, text, file, {core::Kind::mapping, mapping.name}, &mapping);
  if (!dry_run) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail("cannot make " + path.parent_path().string() + ": " + error.message());
    // A directory that had to be made could not be locked: somebody may have been quicker.
    if (lock_.get() < 0) return put(mapping, nullptr, dry_run);
    write(path, file, text);
  }
  return {"created in " + path.string(), manifest};
}

StoreChange ManifestStore::change(const Found& found, const core::Mapping& mapping, bool dry_run) {
  const std::string where = found.path->string() + ":" + std::to_string(found.place.line);
  require_utf8(*found.path, found.file->text);
  if (*found.mapping == mapping) return {"unchanged in " + where, mapping_yaml(mapping)};
  const auto text = is_json(*found.path)
                        ? edit_json(found.file->text, *found.mapping, mapping)
                        : edit_yaml(found.file->text, found.place, *found.mapping, mapping);
  if (!text) {
    fail(where +
         ": written in a way that cannot be edited without touching more than the Mapping "
         "(flow style, several JSON values): edit it by hand, or \"rm\" and \"add\" it");
  }
  check(*found.path, *text, found.file, {core::Kind::mapping, mapping.name}, &mapping);
  if (!dry_run) write(*found.path, found.file, *text);
  return {"changed in " + where, document_of(*found.path, *text, mapping)};
}

// As it stands in the text, with its comments; by itself where it is one of several in a list.
std::string ManifestStore::document_of(const fs::path& path, std::string_view text,
                                       const core::Mapping& mapping) const {
  for (const ManifestPart& part : read_manifest(path, text, options_.decode)) {
    if (is_json(path) || part.items.size() != 1 || find_mapping({part}, mapping.name) == nullptr) {
      continue;
    }
    return std::string(text.substr(part.begin, part.size));
  }
  return mapping_yaml(mapping);
}

StoreChange ManifestStore::remove(const core::ObjectName& name, bool dry_run) {
  load();
  const auto found = locate(name);
  if (!found) fail("there is no Mapping " + core::to_string(name) + " in " + directory_.string());
  const std::string where = found->path->string() + ":" + std::to_string(found->place.line);
  require_utf8(*found->path, found->file->text);
  const auto text = is_json(*found->path) ? remove_json(found->file->text, name)
                                          : remove_yaml(found->file->text, found->place);
  if (!text) {
    fail(where +
         ": written in a way that cannot be edited without touching more than the Mapping: "
         "remove it by hand");
  }
  check(*found->path, *text, found->file, {core::Kind::mapping, name}, nullptr);
  const auto rest = read_manifest(*found->path, *text, options_.decode);
  const bool empty = std::ranges::all_of(rest, [](const ManifestPart& part) {
    return part.items.empty() && part.notes.empty() && part.ignored == 0;
  });
  if (!empty) {
    if (!dry_run) write(*found->path, found->file, *text);
    return {"removed from " + where, {}};
  }
  if (!dry_run) {
    if (unlink(found->path->c_str()) != 0) {
      fail("cannot delete " + found->path->string() + ": " + std::strerror(errno));
    }
    os::sync_directory(found->path->parent_path());
  }
  return {"removed, and " + found->path->string() + " deleted: it held nothing else", {}};
}

// Reads the text to be written as the appliance will, so that no edit can do more or less than it
// should.
void ManifestStore::check(const fs::path& path, std::string_view text, const File* before,
                          const core::ObjectId& id, const core::Mapping* wanted) const {
  const auto parts = read_manifest(path, text, options_.decode);
  const core::Mapping* const now = find_mapping(parts, id.name);
  if (wanted != nullptr && now == nullptr) {
    for (const ManifestPart& part : parts) {
      for (const auto& note : part.notes) {
        if (note.invalid == id) fail(note.text);
      }
    }
  }
  const bool as_wanted = wanted == nullptr ? now == nullptr : now != nullptr && *now == *wanted;
  const auto old_rest = before == nullptr ? others({}, id) : others(before->parts, id);
  const auto new_rest = others(parts, id);
  const bool rest_same =
      std::ranges::equal(old_rest, new_rest, [](const auto& a, const auto& b) { return *a == *b; });
  if (!as_wanted || !rest_same) {
    fail(path.string() +
         ": cannot be edited safely because of the way it is written; nothing was "
         "changed: edit it by hand");
  }
}

void ManifestStore::write(const fs::path& path, const File* before, std::string_view text) const {
  if (before != nullptr && os::read_file(path) != before->text) {
    fail(path.string() + " was changed by somebody else just now: try again");
  }
  os::write_file(path, text);
}

}  // namespace

std::unique_ptr<MappingStore> open_manifest_store(ManifestStoreOptions options) {
  return std::make_unique<ManifestStore>(std::move(options));
}

}  // namespace kube
