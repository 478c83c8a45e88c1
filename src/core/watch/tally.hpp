// What was seen, summed up: for each object how many connections, drops and bytes, and packets that
// were dropped alike. Pure. Rule: whatever comes in, memory is bounded, and what found no room is
// counted all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/watch/flow.hpp"

namespace core::watch {

inline constexpr std::size_t most_objects = 1024;
inline constexpr std::size_t most_drop_kinds = 256;
inline constexpr std::size_t most_metered = std::size_t{1} << 16;

// Per object since somebody took it last.
class Rates {
 public:
  struct Row {
    std::string object;  // empty: those of no known object; "others": of those without room
    std::uint64_t begun = 0;
    std::uint64_t ended = 0;
    std::uint64_t drops = 0;
    Traffic traffic;
  };

  // `owner` may be null.
  void add(const Flow& flow, const std::string* owner);
  void add_drop(const std::string* owner) { ++row(owner).drops; }
  void add(const Traffic& traffic, const std::string* owner);

  // Those with something to tell, the busiest first.
  std::vector<Row> take();

 private:
  Row& row(const std::string* owner);

  std::map<std::string, Row, std::less<>> rows_;
};

// Packets that were dropped in one place for one reason between the same addresses and to the same
// port are one row.
class Drops {
 public:
  struct Row {
    Drop drop;  // the first one
    std::string object;
    std::uint64_t count = 0;
    std::uint64_t new_ones = 0;  // since somebody looked last
  };

  // True: nothing like it was seen lately.
  bool add(const Drop& drop, const std::string* owner);
  // Those with new ones, the most first. Rows that had none at two looks in a row are forgotten.
  std::vector<Row> look();
  // Without a row, for lack of room, since the last look.
  [[nodiscard]] std::uint64_t others() const { return others_; }

 private:
  using Key = std::tuple<std::optional<std::size_t>, std::string, std::uint8_t, Address, Address,
                         std::uint16_t>;
  struct Kept {
    Row row;
    int quiet = 0;
  };

  std::map<Key, Kept> rows_;
  std::uint64_t others_ = 0;
};

// How many bytes connections carried since they were seen last. The kernel says how many they
// carried since they began.
class Meter {
 public:
  // It is there, and had this much when it was first heard of: nothing is counted yet.
  void begin(const Flow& flow);
  // What is new; nothing of a connection that was not heard of before.
  Traffic read(const Flow& flow);
  // The same of one that is over. Without room for all, those that were not heard of count whole.
  Traffic end(const Flow& flow);
  // All that are there were read: those that were not twice in a row are over, without a word.
  void finish_pass();
  // There was no room for all of them, since the last pass.
  [[nodiscard]] bool full() const { return full_; }

 private:
  using Key = std::pair<std::size_t, std::uint32_t>;
  struct Last {
    Traffic traffic;
    std::uint32_t pass = 0;  // when it was heard of last
  };

  std::map<Key, Last> last_;
  std::uint32_t pass_ = 0;
  bool full_ = false;
};

// At most so many in a second, with a count of what was left out.
class Budget {
 public:
  explicit Budget(std::uint64_t most) : most_(most) {}

  // `second`: of any clock that does not go back.
  bool take(std::int64_t second);
  std::uint64_t take_skipped();

 private:
  std::uint64_t most_;
  std::int64_t second_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace core::watch
