"use client";

import { lazy } from "react";

/** LiveKit is loaded with the room, not with the page. */
export const loadRoomScreen = async () => ({ default: (await import("@/room/RoomScreen")).RoomScreen });

export const RoomScreen = lazy(loadRoomScreen);
