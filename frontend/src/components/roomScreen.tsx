"use client";

import { lazy } from "react";

/** LiveKit comes with the room, and not with the first load. */
export const loadRoomScreen = async () => ({ default: (await import("@/room/RoomScreen")).RoomScreen });

export const RoomScreen = lazy(loadRoomScreen);
