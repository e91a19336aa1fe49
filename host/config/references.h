// SPDX-License-Identifier: Apache-2.0
//
// What keeps secrets out of the file: ${NAME} in any text is the environment variable's value, and
// { file = "path" } in the place of a text is that file's content without its last newline. "$${"
// is a literal "${". What was filled in is marked secret, and masked in every output.
//
// Threading: immutable. Lifetime: keeps copies of home and environment.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/problem.h"
#include "config/tree.h"

namespace sluice {

using Environment = std::map<std::string, std::string>;

class ReferenceResolver {
 public:
  // Relative paths of { file = … } resolve against `home`.
  ReferenceResolver(std::filesystem::path home, Environment environment)
      : home_(std::move(home)), environment_(std::move(environment)) {}

  // Resolves one value where it stands; `key` is its full path, for problems. False where something
  // could not be resolved: the problem is added and the node is not to be used.
  bool Resolve(ConfigNode* node, const std::string& key, std::vector<Problem>* problems) const;

  // The same for everything below a list or a map.
  bool ResolveBelow(ConfigNode* node, const std::string& key, std::vector<Problem>* problems) const;

 private:
  bool ResolveText(ConfigNode* node, const std::string& key, std::vector<Problem>* problems) const;
  bool ResolveFile(ConfigNode* node, const std::string& key, std::vector<Problem>* problems) const;

  std::filesystem::path home_;
  Environment environment_;
};

}  // namespace sluice
