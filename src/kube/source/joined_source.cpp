#include "kube/source/joined_source.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "core/object_id_hash.hpp"
#include "os/fd.hpp"

namespace kube {
namespace {

using ObjectPointer = std::shared_ptr<const core::Object>;

class Joined : public Source {
 public:
  Joined(std::unique_ptr<Source> first, std::string first_name, std::unique_ptr<Source> second)
      : sources_{std::move(first), std::move(second)},
        first_name_(std::move(first_name)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (const auto& source : sources_) {
      epoll_event event{};
      event.events = EPOLLIN;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, source->wake_fd(), &event) == 0) continue;
      throw core::Error(core::Error::Kind::transient,
                        std::string("cannot wait for two sources: ") + std::strerror(errno));
    }
  }

  [[nodiscard]] int wake_fd() const override { return epoll_.get(); }

  core::ObjectChanges take() override {
    core::ObjectChanges changes;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      for (auto& [id, object] : sources_[i]->take()) {
        Held& held = held_[id];
        const ObjectPointer before = held.effective();
        held.objects[i] = std::move(object);
        const ObjectPointer now = held.effective();
        const bool contested = held.objects[0] && held.objects[1];
        if (contested) {
          contested_.insert(id);
        } else {
          contested_.erase(id);
        }
        if (!now) held_.erase(id);
        if (now != before) changes.insert_or_assign(id, now);
      }
    }
    return changes;
  }

  // A half of the objects would take away what the other half asks for.
  [[nodiscard]] bool synced() const override {
    return sources_[0]->synced() && sources_[1]->synced();
  }

  [[nodiscard]] bool partial() const override {
    return !synced() && std::ranges::all_of(sources_, [](const auto& source) {
      return source->synced() || source->partial();
    });
  }

  // One of them is a cluster at most.
  [[nodiscard]] std::string cluster_uid() const override {
    const std::string first = sources_[0]->cluster_uid();
    return first.empty() ? sources_[1]->cluster_uid() : first;
  }

  [[nodiscard]] std::optional<ApiServer> api_server() const override {
    const auto first = sources_[0]->api_server();
    return first ? first : sources_[1]->api_server();
  }

  // One is enough, and the older says more.
  [[nodiscard]] std::optional<std::int64_t> stale_since() const override {
    const auto first = sources_[0]->stale_since();
    const auto second = sources_[1]->stale_since();
    return first && second ? std::min(first, second) : first ? first : second;
  }

  [[nodiscard]] bool listens() const override {
    return sources_[0]->listens() || sources_[1]->listens();
  }
  void report(const core::PlannedMappings& planned) override {
    for (const auto& source : sources_) {
      if (source->listens()) source->report(planned);
    }
  }

  [[nodiscard]] std::vector<Problem> problems() const override {
    std::vector<Problem> problems = sources_[0]->problems();
    for (Problem& problem : sources_[1]->problems()) problems.push_back(std::move(problem));
    for (const core::ObjectId& id : contested_) {
      problems.push_back({core::to_string(id), "defined twice: what " + first_name_ +
                                                   " say counts, the cluster's has no effect"});
    }
    return problems;
  }

  [[nodiscard]] std::size_t ignored() const override {
    return sources_[0]->ignored() + sources_[1]->ignored();
  }

 private:
  struct Held {
    std::array<ObjectPointer, 2> objects;
    [[nodiscard]] const ObjectPointer& effective() const {
      return objects[0] ? objects[0] : objects[1];
    }
  };

  std::array<std::unique_ptr<Source>, 2> sources_;
  std::string first_name_;
  os::Fd epoll_;
  std::unordered_map<core::ObjectId, Held, HashId> held_;
  std::set<core::ObjectId> contested_;
};

}  // namespace

std::unique_ptr<Source> join(std::unique_ptr<Source> first, std::string first_name,
                             std::unique_ptr<Source> second) {
  return std::make_unique<Joined>(std::move(first), std::move(first_name), std::move(second));
}

}  // namespace kube
