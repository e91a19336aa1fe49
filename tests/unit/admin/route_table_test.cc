// SPDX-License-Identifier: Apache-2.0
#include "admin/route_table.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

RouteTable Routes() {
  RouteTable routes;
  routes.Add("GET", "/a", [](const AdminRequest& request) {
    return AdminResponse::Text(200, "a?" + request.query);
  });
  routes.Add("POST", "/a",
             [](const AdminRequest& request) { return AdminResponse::Json(200, request.body); });
  return routes;
}

TEST(RouteTable, AnswersByPathAndMethod) {
  EXPECT_EQ(Routes().Answer({"GET", "/a", "x=1", ""}).body, "a?x=1");
  EXPECT_EQ(Routes().Answer({"POST", "/a", "", "{}"}).body, "{}");
}

TEST(RouteTable, HeadIsAnsweredAsGet) {
  EXPECT_EQ(Routes().Answer({"HEAD", "/a", "", ""}).status, 200);
}

TEST(RouteTable, UnknownPathIsNotFoundAndUnknownMethodNotAllowed) {
  EXPECT_EQ(Routes().Answer({"GET", "/b", "", ""}).status, 404);
  EXPECT_EQ(Routes().Answer({"DELETE", "/a", "", ""}).status, 405);
}

TEST(RouteTable, ErrorTextIsEscapedJson) {
  EXPECT_EQ(AdminResponse::Error(400, "a \"b\"").body, "{\"error\":\"a \\\"b\\\"\"}\n");
}

}  // namespace
}  // namespace sluice
