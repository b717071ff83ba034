import { createClient } from "@connectrpc/connect";
import { ModerationService } from "@/gen/waystone/moderation/v1/moderation_pb";
import { SocialService } from "@/gen/waystone/social/v1/social_pb";
import { transport } from "@/lib/transport";

export const moderation = createClient(ModerationService, transport);
export const social = createClient(SocialService, transport);
