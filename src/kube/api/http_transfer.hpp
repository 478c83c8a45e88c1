// One request as libcurl takes it, for http.cpp only: what is set before it starts, and the words
// for how it failed. curl's own types stay out of here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kube/api/credentials.hpp"
#include "kube/api/http.hpp"

struct curl_slist;

namespace kube {

struct EasyDeleter {
  void operator()(void* easy) const;
};
struct ListDeleter {
  void operator()(curl_slist* list) const;
};

struct Transfer {
  void* owner = nullptr;
  std::uint64_t id = 0;
  Request request;
  std::uint64_t revision = 0;  // of the credential
  bool headed = false;
  std::optional<std::int64_t> date{};  // of the answer, Unix seconds
  std::unique_ptr<curl_slist, ListDeleter> headers;
  std::unique_ptr<curl_slist, ListDeleter> connect_to;
  std::array<char, 512> error{};
  std::unique_ptr<void, EasyDeleter> easy;  // goes first: it refers to the rest
};

// All but what takes the answer in. Throws core::Error for what this curl cannot do.
void set_up(Transfer& transfer, const ClientConfig& config, const Credential& credential,
            const HttpOptions& options);

// `result`: a CURLcode that is not CURLE_OK.
std::string describe(const Transfer& transfer, const ClientConfig& config, int result);

}  // namespace kube
