// SPDX-License-Identifier: Apache-2.0
#include "config/references.h"

#include <fmt/core.h>

#include <fstream>
#include <system_error>

namespace sluice {

namespace {

// A secret is a few bytes; this keeps a mistaken path (a device, a data file) out of memory.
constexpr size_t kMaxFileBytes = 1 << 20;

}  // namespace

bool ReferenceResolver::Resolve(ConfigNode* node, const std::string& key,
                                std::vector<Problem>* problems) const {
  if (node->is(NodeKind::kString)) return ResolveText(node, key, problems);
  bool is_file = node->is(NodeKind::kMap) && node->members.size() == 1 &&
                 node->members[0].key == "file" && node->members[0].value.is(NodeKind::kString);
  if (is_file) return ResolveFile(node, key, problems);
  return true;
}

bool ReferenceResolver::ResolveBelow(ConfigNode* node, const std::string& key,
                                     std::vector<Problem>* problems) const {
  bool ok = true;
  for (ConfigNode& item : node->items) {
    ok = Resolve(&item, key, problems) && ok;
    ok = ResolveBelow(&item, key, problems) && ok;
  }
  for (ConfigMember& member : node->members) {
    std::string path = key + "." + member.key;
    ok = Resolve(&member.value, path, problems) && ok;
    ok = ResolveBelow(&member.value, path, problems) && ok;
  }
  return ok;
}

bool ReferenceResolver::ResolveText(ConfigNode* node, const std::string& key,
                                    std::vector<Problem>* problems) const {
  // The environment's own text is taken as it is: who set the variable has already expanded it.
  if (node->untyped) return true;
  const std::string& text = node->text;
  std::string out;
  bool replaced = false;
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "$${") == 0) {
      out += "${";
      i += 3;
      continue;
    }
    if (text.compare(i, 2, "${") != 0) {
      out += text[i++];
      continue;
    }
    size_t end = text.find('}', i);
    std::string name = end == std::string::npos ? "" : text.substr(i + 2, end - i - 2);
    if (name.empty()) {
      problems->push_back(
          MakeProblem(node->at, key,
                      "\"${\" without a name and \"}\"; write ${NAME}, or $${ for the characters"));
      return false;
    }
    auto found = environment_.find(name);
    if (found == environment_.end()) {
      problems->push_back(
          MakeProblem(node->at, key,
                      fmt::format("the environment variable {} is not set; set it, or write "
                                  "the value here",
                                  name)));
      return false;
    }
    out += found->second;
    replaced = true;
    i = end + 1;
  }
  node->text = std::move(out);
  node->untyped = replaced;
  node->secret = node->secret || replaced;
  return true;
}

bool ReferenceResolver::ResolveFile(ConfigNode* node, const std::string& key,
                                    std::vector<Problem>* problems) const {
  ConfigNode name = node->members[0].value;
  if (!ResolveText(&name, key, problems)) return false;
  std::filesystem::path path = home_ / name.text;
  auto fail = [&](std::string_view why) {
    problems->push_back(
        MakeProblem(node->at, key, fmt::format("cannot read the file {}: {}", path.string(), why)));
    return false;
  };
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return fail(error ? error.message() : "it is not a regular file");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("it cannot be opened; check its mode");
  std::string content(kMaxFileBytes + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (in.bad()) return fail("reading failed");
  content.resize(static_cast<size_t>(in.gcount()));
  if (content.size() > kMaxFileBytes) return fail("it is larger than 1 MiB, so it is no secret");
  if (!content.empty() && content.back() == '\n') content.pop_back();
  if (!content.empty() && content.back() == '\r') content.pop_back();
  ConfigNode value = ConfigNode::String(std::move(content), node->at);
  value.from_template = node->from_template;
  value.untyped = true;
  value.secret = true;
  *node = std::move(value);
  return true;
}

}  // namespace sluice
