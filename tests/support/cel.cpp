#include "support/cel.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace cel {
namespace {

using Json = nlohmann::json;

struct Scope {
  std::map<std::string, Json> names;
  std::size_t* cost;
};

using Expression = std::function<Json(const Scope&)>;

const std::regex& compiled(const std::string& pattern) {
  static std::map<std::string, std::regex> known;
  const auto found = known.find(pattern);
  return found != known.end() ? found->second : known.emplace(pattern, pattern).first->second;
}

[[noreturn]] void fail(const std::string& why) { throw std::runtime_error("CEL: " + why); }

bool truth(const Json& value) {
  if (!value.is_boolean()) fail("no bool: " + value.dump());
  return value.get<bool>();
}

const std::string& text(const Json& value) {
  if (!value.is_string()) fail("no string: " + value.dump());
  return value.get_ref<const std::string&>();
}

std::int64_t number(const Json& value) {
  if (!value.is_number_integer()) fail("no int: " + value.dump());
  return value.get<std::int64_t>();
}

class Parser {
 public:
  explicit Parser(std::string_view rule) : rest_(rule) {}

  Expression whole() {
    Expression expression = conditional();
    skip();
    if (!rest_.empty()) fail("not understood: " + std::string(rest_));
    return expression;
  }

 private:
  void skip() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
      rest_.remove_prefix(1);
    }
  }

  bool take(std::string_view word) {
    skip();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void expect(std::string_view word) {
    if (!take(word)) fail("\"" + std::string(word) + "\" is wanted before: " + std::string(rest_));
  }

  std::string name() {
    skip();
    std::size_t size = 0;
    while (size < rest_.size() &&
           (std::isalnum(static_cast<unsigned char>(rest_[size])) != 0 || rest_[size] == '_')) {
      ++size;
    }
    if (size == 0) fail("a name is wanted before: " + std::string(rest_));
    std::string word(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return word;
  }

  Expression conditional() {
    Expression condition = either();
    if (!take("?")) return condition;
    Expression yes = conditional();
    expect(":");
    Expression no = conditional();
    return [=](const Scope& scope) { return truth(condition(scope)) ? yes(scope) : no(scope); };
  }

  Expression either() {
    Expression left = both();
    while (take("||")) {
      left = [left, right = both()](const Scope& scope) {
        ++*scope.cost;
        return Json(truth(left(scope)) || truth(right(scope)));
      };
    }
    return left;
  }

  Expression both() {
    Expression left = comparison();
    while (take("&&")) {
      left = [left, right = comparison()](const Scope& scope) {
        ++*scope.cost;
        return Json(truth(left(scope)) && truth(right(scope)));
      };
    }
    return left;
  }

  Expression comparison() {
    Expression left = sum();
    for (const std::string_view sign : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!take(sign)) continue;
      return [=, right = sum()](const Scope& scope) {
        ++*scope.cost;
        const Json a = left(scope);
        const Json b = right(scope);
        if (a.is_string() != b.is_string()) fail("compared: " + a.dump() + " and " + b.dump());
        if (sign == "==") return Json(a == b);
        if (sign == "!=") return Json(a != b);
        const std::int64_t difference = number(a) - number(b);
        if (sign == "<=") return Json(difference <= 0);
        if (sign == ">=") return Json(difference >= 0);
        return Json(sign == "<" ? difference < 0 : difference > 0);
      };
    }
    return left;
  }

  Expression sum() {
    Expression left = unary();
    for (;;) {
      const bool plus = take("+");
      if (!plus && !take("-")) return left;
      left = [left, right = unary(), plus](const Scope& scope) {
        ++*scope.cost;
        const std::int64_t value = number(right(scope));
        return Json(number(left(scope)) + (plus ? value : -value));
      };
    }
  }

  Expression unary() {
    if (!take("!")) return member();
    return [operand = unary()](const Scope& scope) {
      ++*scope.cost;
      return Json(!truth(operand(scope)));
    };
  }

  Expression member() {
    Expression object = primary();
    while (take(".")) {
      const std::string word = name();
      object = take("(") ? method(object, word) : field(object, word);
    }
    return object;
  }

  static Expression field(const Expression& object, const std::string& word) {
    return [=](const Scope& scope) {
      ++*scope.cost;
      const Json value = object(scope);
      if (!value.is_object() || !value.contains(word)) fail("no such key: " + word);
      return value.at(word);
    };
  }

  Expression method(const Expression& object, const std::string& word) {
    if (word == "all" || word == "exists_one") {
      const std::string variable = name();
      expect(",");
      Expression body = conditional();
      expect(")");
      return [=](const Scope& scope) {
        std::size_t count = 0;
        const Json list = object(scope);
        Scope inner = scope;
        for (const Json& element : list) {
          *scope.cost += 3;  // the loop's own
          inner.names[variable] = element;
          if (truth(body(inner)))
            ++count;
          else if (word == "all")
            return Json(false);
        }
        return Json(word == "all" || count == 1);
      };
    }
    std::optional<Expression> argument;
    if (!take(")")) {
      argument = conditional();
      expect(")");
    }
    if (argument && word != "matches" && word != "contains") fail("no function " + word + "(x)");
    if (!argument && word != "size" && word != "lowerAscii") fail("no function " + word + "()");
    return [=](const Scope& scope) {
      ++*scope.cost;
      Json value = object(scope);
      if (word == "size") return Json(value.size());
      if (word == "contains") {
        return Json(text(value).find(text((*argument)(scope))) != std::string::npos);
      }
      if (word == "matches") {
        const std::string pattern = text((*argument)(scope));
        *scope.cost += text(value).size() / 10 * (pattern.size() / 4);
        return Json(std::regex_search(text(value), compiled(pattern)));
      }
      std::string lower = text(value);
      for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      return Json(lower);
    };
  }

  Expression primary() {
    if (take("(")) {
      Expression inner = conditional();
      expect(")");
      return inner;
    }
    if (take("'")) {
      const std::size_t size = rest_.find('\'');
      if (size == std::string_view::npos) fail("no end of: '" + std::string(rest_));
      const std::string word(rest_.substr(0, size));
      if (word.find('\\') != std::string::npos) fail("no escapes, please: " + word);
      rest_.remove_prefix(size + 1);
      return [word](const Scope&) { return Json(word); };
    }
    const std::string word = name();
    if (std::isdigit(static_cast<unsigned char>(word.front())) != 0) {
      return [value = std::stoll(word)](const Scope&) { return Json(value); };
    }
    if (word == "has") return presence();
    return [word](const Scope& scope) {
      ++*scope.cost;
      const auto found = scope.names.find(word);
      if (found == scope.names.end()) fail("undeclared: " + word);
      return found->second;
    };
  }

  Expression presence() {
    expect("(");
    const std::string object = name();
    expect(".");
    const std::string word = name();
    expect(")");
    return [=](const Scope& scope) {
      ++*scope.cost;
      const auto found = scope.names.find(object);
      if (found == scope.names.end()) fail("undeclared: " + object);
      return Json(found->second.contains(word));
    };
  }

  std::string_view rest_;
};

}  // namespace

Verdict evaluate(const std::string& rule, const nlohmann::json& self) {
  Verdict verdict;
  const Expression expression = Parser(rule).whole();
  verdict.holds = truth(expression({{{"self", self}}, &verdict.cost}));
  return verdict;
}

}  // namespace cel
