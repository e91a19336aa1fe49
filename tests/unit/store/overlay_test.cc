// SPDX-License-Identifier: Apache-2.0
#include "store/overlay.h"

#include <gtest/gtest.h>

#include "model/change_set.h"

namespace sluice {
namespace {

TEST(StoreOverlay, KnowsSetsAndDeletes) {
  StoreOverlay overlay;
  EXPECT_EQ(overlay.Find("a"), nullptr);
  overlay.Set("a", "1");
  overlay.Set("a", "2");
  overlay.Delete("b");
  ASSERT_NE(overlay.Find("a"), nullptr);
  EXPECT_EQ(*overlay.Find("a"), "2");
  ASSERT_NE(overlay.Find("b"), nullptr);
  EXPECT_EQ(*overlay.Find("b"), std::nullopt);
  overlay.Set("b", "");
  EXPECT_EQ(*overlay.Find("b"), "");
}

TEST(StoreOverlay, AbsorbLetsTheLayerAboveWin) {
  StoreOverlay below;
  below.Set("a", "old");
  below.Set("b", "kept");
  below.Delete("c");
  StoreOverlay above;
  above.Delete("a");
  above.Set("c", "new");
  above.Set("d", "added");
  below.Absorb(std::move(above));
  EXPECT_EQ(*below.Find("a"), std::nullopt);
  EXPECT_EQ(*below.Find("b"), "kept");
  EXPECT_EQ(*below.Find("c"), "new");
  EXPECT_EQ(*below.Find("d"), "added");
  EXPECT_EQ(below.entries().size(), 4u);
}

TEST(BlockOverlay, FromChangeSetHasTheEffectOfItsChanges) {
  ChangeSetBuilder builder("s", Height(1), 0);
  builder.AddSet(0, "x", "a", "1");
  builder.AddSet(0, "y", "a", "2");
  builder.AddDelete(0, "x", "a");
  builder.AddTransactionResult(0, 0);
  auto change_set = std::move(builder).Seal(GenesisDigest("s"));
  auto overlay = BlockOverlay::FromChangeSet(*change_set, {"x", "y"});
  ASSERT_TRUE(overlay) << overlay.error().ToString();
  EXPECT_EQ(*(*overlay)->store(0).Find("a"), std::nullopt);
  EXPECT_EQ(*(*overlay)->store(1).Find("a"), "2");

  auto unknown = BlockOverlay::FromChangeSet(*change_set, {"x"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), StatusCode::kCorruption);
  EXPECT_NE(unknown.error().message().find("'y'"), std::string::npos);
}

}  // namespace
}  // namespace sluice
