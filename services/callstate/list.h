// list.h: a doubly linked list through the objects (a link lives in its object; NULL next: in no list). One owner thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev;
};

#define LIST_OBJECT(type, member, l) ((type *)(void *)((char *)(l)-offsetof(type, member)))

static inline void list_init(struct link *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool list_in(const struct link *l)
{
    return l->next != NULL;
}

static inline void list_push(struct link *head, struct link *l) // at the end
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_del(struct link *l) // fine when in no list
{
    if (!l->next)
        return;
    l->next->prev = l->prev;
    l->prev->next = l->next;
    l->next = l->prev = NULL;
}
