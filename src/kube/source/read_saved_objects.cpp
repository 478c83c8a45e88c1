#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "kube/decode/parse.hpp"
#include "kube/source/saved_format.hpp"
#include "kube/source/saved_objects.hpp"
#include "kube/source/saved_record.hpp"

namespace kube {
namespace {

constexpr std::size_t most_remarks = 10;

std::optional<std::int64_t> number_at(const Node& node, std::string_view key) {
  const auto found = node.find(key);
  if (!found || found->type() != Node::Type::integer) return std::nullopt;
  // Longer than the 32 bits that fields of objects have.
  std::int64_t number = 0;
  for (const char digit : found->text()) {
    if (digit < '0' || digit > '9' || number > INT64_MAX / 10 - 1) return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  return number;
}

std::optional<core::Kind> kind_of(std::string_view text) {
  for (const core::Kind kind : {core::Kind::mapping, core::Kind::service,
                                core::Kind::endpoint_slice, core::Kind::address_pool}) {
    if (text == core::to_string(kind)) return kind;
  }
  return std::nullopt;
}

class Reader {
  using State = SavedObjects::State;

 public:
  Reader(const std::string& source, const DecodeOptions& decoding)
      : source_(source), decoding_(decoding) {}

  SavedObjects read(std::istream& in) {
    std::string line;
    while (std::getline(in, line)) {
      // What a crash left of the last line: it was never acted on.
      const bool torn = in.eof();
      if (!take(line, torn)) return std::move(saved_);
      if (lines_++ <= expected_) saved_.head += line.size() + 1;
    }
    if (in.bad()) {
      give_up(std::string("cannot be read: ") + std::strerror(errno));
    } else if (lines_ <= expected_) {
      give_up("is cut off");
    }
    return std::move(saved_);
  }

 private:
  void give_up(const std::string& why) {
    saved_ = {};
    saved_.state = State::broken;
    saved_.remarks = {why};
  }

  // False: the rest is of no use.
  bool take(std::string_view line, bool torn) {
    const auto json = torn ? std::nullopt : read_record(line);
    bool known = false;
    bool readable = false;
    if (json) {
      const auto wrong = parse_json(*json, document_, [&](const Document& document) {
        known = lines_ == 0 ? take_head(*document.root()) : take_record(*document.root());
      });
      readable = !wrong;
      known = known && !wrong;
      if (lines_ == 0 && saved_.state != State::missing) return saved_.usable();
    }
    if (known) return true;
    // It is what was written, by a program that knows more kinds.
    if (json && readable && lines_ > 0) {
      remark("line " + std::to_string(lines_ + 1) +
             " is of a kind that this version does not know, and left out");
      return true;
    }
    if (lines_ <= expected_) {
      give_up("line " + std::to_string(lines_ + 1) + " is not as it was written");
      return false;
    }
    // What follows is newer than what comes before, with or without this one.
    saved_.state = State::mended;
    if (!torn) remark("line " + std::to_string(lines_ + 1) + " is damaged and left out");
    return true;
  }

  bool take_head(const Node& node) {
    const auto version = number_at(node, "version");
    const auto objects = number_at(node, "objects");
    const auto time = number_at(node, "time");
    if (text_at(node, "format") != saved_format || !version) return false;
    // What else a newer one holds is its own business.
    if (*version > saved_version) {
      saved_.state = State::newer;
      saved_.version = *version;
      remark("was written by a newer version of pona (version " + std::to_string(*version) +
             " of the format; this one reads " + std::to_string(saved_version) + ")");
      return true;
    }
    if (!objects || !time) return false;
    if (*version != saved_version) {
      give_up("is of version " + std::to_string(*version) + " of its format; this program reads " +
              std::to_string(saved_version));
      return true;
    }
    if (text_at(node, "source") != source_) {
      saved_.state = State::foreign;
      remark("holds the objects of " + std::string(text_at(node, "source")) + ", not of " +
             source_);
      return true;
    }
    saved_.state = State::whole;
    saved_.time = *time;
    saved_.cluster = text_at(node, "cluster");
    expected_ = static_cast<std::size_t>(*objects);
    saved_.objects.reserve(expected_);
    return true;
  }

  bool take_record(const Node& node) {
    if (const auto time = number_at(node, "time")) {
      saved_.time = *time;
      return true;
    }
    if (const auto deleted = node.find("deleted")) {
      const auto kind = kind_of(text_at(node, "deleted"));
      if (!kind) return false;
      saved_.objects.erase(
          {*kind, {std::string(text_at(node, "namespace")), std::string(text_at(node, "name"))}});
      return true;
    }
    for (Decoded& decoded : decode(node, decoding_)) {
      if (!decoded.id) return false;
      if (decoded.object) {
        saved_.objects.insert_or_assign(*std::move(decoded.id), std::move(decoded.object));
        continue;
      }
      // As from the server: written by another version, or under other options.
      for (const Finding& finding : decoded.findings) remark(to_string(finding, decoded.id));
    }
    return true;
  }

  void remark(std::string text) {
    if (saved_.remarks.size() < most_remarks) saved_.remarks.push_back(std::move(text));
  }

  const std::string& source_;
  const DecodeOptions& decoding_;
  SavedObjects saved_;
  Document document_;
  std::size_t lines_ = 0;
  std::size_t expected_ = 0;  // objects of the head
};

}  // namespace

SavedObjects read_saved_objects(const std::filesystem::path& path, const std::string& source,
                                const DecodeOptions& decoding) {
  std::ifstream in(path, std::ios::binary);
  if (in) return Reader(source, decoding).read(in);
  SavedObjects nothing;
  if (errno == ENOENT || errno == ENOTDIR) return nothing;
  nothing.state = SavedObjects::State::broken;
  nothing.remarks = {std::string("cannot be read: ") + std::strerror(errno)};
  return nothing;
}

}  // namespace kube
