"""An X11 window that shows colours in turn and prints what keys and mouse motion reach it. Its argument is the title."""

import os
import sys

import pygame

if __name__ == "__main__":
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"
    pygame.display.init()
    screen = pygame.display.set_mode((320, 200))
    pygame.display.set_caption(sys.argv[1])
    pygame.mouse.set_visible(False)
    pygame.event.set_grab(True)
    clock = pygame.time.Clock()
    colour = 0
    while True:
        for event in pygame.event.get():
            if event.type in (pygame.KEYDOWN, pygame.KEYUP):
                print("down" if event.type == pygame.KEYDOWN else "up", pygame.key.name(event.key), flush=True)
                colour += event.type == pygame.KEYDOWN
            if event.type == pygame.MOUSEMOTION and event.rel != (0, 0):
                print("mouse", *event.rel, flush=True)
        screen.fill([(200, 10, 30), (20, 190, 40), (10, 50, 210)][colour % 3])
        screen.fill((255, 255, 255), pygame.Rect(300, 180, 20, 20))
        pygame.display.flip()
        clock.tick(60)
